import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Buffer } from '../../buffer/buffer.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { supervise } from '../../cli/supervise.ts'
import { deadlyReason } from '../../pump/trial.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { encodeFrame } from '../../record/frame.ts'
import { newRecordId } from '../../record/id.ts'
import { aRecord } from '../../record/sample.ts'
import type { Log } from '../../runtime/log.ts'
import { scratchFolder } from '../scratch.ts'
import { until } from '../services/until.ts'

const sinkNames = ['exiting', 'crashing', 'sound'] as const

/** A thousand records in five frames; two of them are deadly to one sink each. */
async function append(buffer: Buffer): Promise<RequestRecord[]> {
  const paths = new Map([
    [123, '/exiting'],
    [777, '/crashing'],
  ])
  const records = Array.from({ length: 1000 }, (_, i) => aRecord({ path: paths.get(i) ?? '/orders/42' }))
  const producer = newRecordId()
  await using writer = await buffer.writer()
  for (let seq = 0; seq < 5; seq++) {
    const own = records.slice(seq * 200, seq * 200 + 200)
    const made = seq * 200 + 200
    const bytes = encodeFrame(own, { producer, boot: 1, seq, made })
    await writer.append([{ producer, boot: 1, seq, made, count: own.length, bytes }])
  }
  return records
}

function idsIn(folder: string): string[] {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
  const lines = files.flatMap(({ name }) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'))
  return lines.map((line) => JSON.parse(line).id).sort()
}

test('a record that ends the process is found by processes of their own and becomes a dead letter; nothing is lost or doubled', async (t) => {
  const folder = await scratchFolder(t)
  const dataDir = join(folder, 'data')
  const sinks = Object.fromEntries(sinkNames.map((name) => [name, { type: 'file', folder: join(folder, name) }]))
  const config = join(folder, 'penstock.yaml')
  writeFileSync(config, JSON.stringify({ dataDir, pump: { admin: { port: 0 } }, sinks }))
  await using buffer = await openSqliteBuffer({ dir: dataDir, maxBytes: 1e9 })
  const records = await append(buffer)

  const preload = new URL('./deadly-sinks.ts', import.meta.url).href
  process.env.NODE_OPTIONS = `--import=${preload}` // this test's process starts nothing else
  let deaths = 0
  const log: Log = () => {
    deaths++
  }
  const { signal: interrupted } = new AbortController()
  await using _pump = await supervise({
    args: ['start', '--config', config, '--roles', 'pump'],
    log,
    graceMs: 10_000,
    interrupted,
  })
  await until(
    async () => (await ledgers(buffer)).every(({ backlog, appended }) => appended === 1000 && backlog === 0),
    {
      what: 'every sink to settle its last record',
      timeoutMs: 200_000,
      everyMs: 100,
    },
  )

  for (const { sink, delivered, deadLettered } of await ledgers(buffer)) {
    const deadly = records.filter(({ path }) => path === `/${sink}`)
    assert.deepEqual(
      { delivered, deadLettered },
      { delivered: 1000 - deadly.length, deadLettered: deadly.length },
      sink,
    )
    const expected = records.filter((record) => !deadly.includes(record)).map(({ id }) => id)
    assert.deepEqual(idsIn(join(folder, sink)), expected.sort(), sink)
    const letters = await buffer.deadLetters(sink, { limit: 10 })
    assert.deepEqual(
      letters.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString())),
      deadly,
      sink,
    )
    assert.ok(letters.every(({ reason }) => reason === deadlyReason))
  }
  assert.ok(deaths >= 3 && deaths <= 8, `the pump died ${deaths} times`)
})

async function ledgers(buffer: Buffer) {
  const all = (await buffer.inspect()).flatMap(({ ledgers }) => ledgers)
  assert.equal(all.length, sinkNames.length)
  return all
}
