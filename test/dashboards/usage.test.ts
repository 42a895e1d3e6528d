import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aRecord } from '../../record/sample.ts'
import { clickhouseUrl } from '../services/shared.ts'
import { harness, placeAt } from '../sinks/clickhouse/place.ts'
import { aBlock, openDelivery } from '../sinks/delivery.ts'
import { rowsOfPanel, verifyClickHouse } from './clickhouse-verifier.ts'
import { dashboardsOver } from './dashboard-file.ts'

const hourSeconds = 3600
const [usage] = dashboardsOver('grafana-clickhouse-datasource')
assert.ok(usage)

/** Two hours ago and the hour before now, so that one time range ends where the other begins. */
const toSeconds = Math.floor(Date.now() / 1000 / hourSeconds) * hourSeconds
const fromSeconds = toSeconds - hourSeconds
const now = { ts: (fromSeconds + 60) * 1e6 }
const before = { ts: (fromSeconds - hourSeconds + 60) * 1e6 }
const many = (count: number, fields: Parameters<typeof aRecord>[0]) =>
  Array.from({ length: count }, () => aRecord(fields))

const acme = { consumer: 'acme', team: 'red' }
const globex = { consumer: 'globex', team: 'blue' }
const records = [
  ...many(3, { ...acme, ...before }),
  ...many(9, { ...acme, ...now, totalUs: 10_000 }),
  ...many(4, { ...globex, ...before }),
  ...many(1, { ...globex, ...now, status: 503, outcome: 'upstream_error', totalUs: 500_000 }),
  ...many(2, { ...globex, ...now, status: 429, outcome: 'rate_limited', totalUs: 100 }),
]

/** The dashboard over these records. */
async function openUsage(t: Parameters<typeof clickhouseUrl>[0] & Parameters<typeof placeAt>[0]) {
  const url = new URL(await clickhouseUrl(t))
  await using delivery = await openDelivery(harness, placeAt(t, url))
  await delivery.deliver(aBlock(records))
  return { url, fromSeconds, toSeconds, scrapeSeconds: 15 }
}

test('the usage dashboard counts what the records say', async (t) => {
  const looking = await openUsage(t)
  const rows = (title: string, chosen?: ReadonlyMap<string, readonly string[]>) =>
    rowsOfPanel(usage, title, { ...looking, ...(chosen ? { chosen } : {}) })
  assert.deepEqual(await rows('Requests'), [{ requests: 12 }])
  assert.deepEqual(await rows('Requests', new Map([['consumer', ['globex']]])), [{ requests: 3 }])
  assert.deepEqual(await rows('Requests', new Map([['team', ["o'neill", 'red']]])), [{ requests: 9 }])

  const growth = (await rows('What grew and what fell')).map((row) => [
    row.consumer,
    row.before,
    row.requests,
    row.change,
    row.growth,
  ])
  assert.deepEqual(growth, [
    ['acme', 3, 9, 6, 2],
    ['globex', 4, 3, -1, -0.25],
  ])
  const [first] = await rows('Endpoints')
  assert.deepEqual([first?.requests, first?.share, Number(first?.consumers), first?.refused], [12, 1, 2, 2])
  assert.ok(Math.abs(Number(first?.success) - 11 / 12) < 1e-9)
  assert.ok(Math.abs(Number(first?.p95) - 0.5) < 0.5 * 0.0109, `p95 ${first?.p95}`)

  const errors = (await rows('Errors')).map((row) => [row.outcome, row.consumer, row.requests, Number(row.is_failure)])
  assert.deepEqual(errors, [
    ['rate_limited', 'globex', 2, 0],
    ['upstream_error', 'globex', 1, 1],
  ])
  const matrix = (await rows('Endpoint × consumer')).map((row) => [row.consumer, row.requests])
  assert.deepEqual(matrix, [
    ['acme', 9],
    ['globex', 3],
  ])
})

test('every query of the usage dashboard runs and has rows; a broken one is found', async (t) => {
  const looking = await openUsage(t)
  const { faults, queries } = await verifyClickHouse(usage, looking)
  assert.deepEqual(faults, [])
  assert.ok(queries >= 12)
  const broken = (from: string, to: string) => JSON.parse(JSON.stringify(usage).replaceAll(from, to)) as typeof usage // the same, but for the SQL
  for (const [from, to, fault] of [
    ['usage_1h', 'usage_2h', /usage_2h/],
    ['AS last_seen', 'AS last_time', /no column last_seen/],
    ['SELECT sum(calls)', 'SELECT summ(calls)', /summ/],
    ['$__toTime', '$__tillTime', /no variable is called __tillTime/],
  ] as const) {
    const { faults: found } = await verifyClickHouse(broken(from, to), looking)
    assert.match(found.join('\n'), fault)
  }
})
