import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stringify } from 'yaml'
import type { RequestRecord } from '../../record/fields.ts'
import { scratchFolder } from '../scratch.ts'
import { freePort } from '../services/port.ts'
import { until } from '../services/until.ts'
import { openPenstock, runPenstock } from './process.ts'

const secret = 'customer-0815'
const agent = 'agent-of-a-person'

/** Answers with the status that the path asks for, such as `/503`. */
async function startUpstream(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(Number(request.url?.split('/').at(-1))).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on a port
}

/** Every line of the files of a sink, as they stand. */
function linesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
}

test('of the same requests each sink has the records, and the fields, that the config leaves it', async (t) => {
  const folder = await scratchFolder(t)
  const [port, gatewayAdmin, pumpAdmin] = [await freePort(), await freePort(), await freePort()]
  const api = (name: string) => ({ name, basePath: `/${name}`, upstream, auth: 'none' })
  const upstream = await startUpstream(t)
  const config = {
    dataDir: join(folder, 'data'),
    gateway: {
      listen: [{ port }],
      admin: { port: gatewayAdmin },
      apis: [api('orders'), api('health')],
      tags: { customer: { header: 'x-customer' } },
    },
    pump: { admin: { port: pumpAdmin }, hashKeys: ['a key for the hashes of this test'] },
    sinks: {
      whole: { type: 'file', folder: join(folder, 'whole') },
      partner: {
        type: 'file',
        folder: join(folder, 'partner'),
        shape: {
          filter: { allow: [{ api: 'orders' }], block: [{ status: '404' }] },
          omit: ['userAgent'],
          redact: { clientIp: 'mark', 'tags.customer': 'hash' },
        },
      },
      errors: {
        type: 'file',
        folder: join(folder, 'errors'),
        shape: { filter: { allow: [{ failed: true }] }, fields: ['api', 'endpoint'] },
      },
    },
  }
  const configFile = join(folder, 'penstock.yaml')
  writeFileSync(configFile, stringify(config))
  await using _penstock = await openPenstock({
    configFile,
    roles: 'gateway,pump',
    adminUrl: `http://127.0.0.1:${gatewayAdmin}`,
  })
  const statuses = [200, 404, 503]
  for (let i = 0; i < 60; i++) {
    const path = `${i % 2 ? 'orders' : 'health'}/${statuses[i % 3]}`
    const headers = { 'x-customer': secret, 'user-agent': agent }
    await (await fetch(`http://127.0.0.1:${port}/${path}`, { headers })).arrayBuffer()
  }
  const ledgers = async () =>
    (await runPenstock('sinks', 'list', '--config', configFile))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  const isDrained = async () => {
    const all = await ledgers()
    return all.length === 3 && all.every(({ appended, backlog }) => appended === 60 && backlog === 0)
  }
  await until(isDrained, { what: 'all sinks have drained', timeoutMs: 60_000 })

  const recordsOf = (name: string) => linesIn(join(folder, name)).map((line): RequestRecord => JSON.parse(line))
  const whole = recordsOf('whole')
  assert.equal(whole.length, 60)
  assert.ok(whole.every(({ userAgent, tags }) => userAgent === agent && tags.customer === secret))

  const partner = recordsOf('partner')
  const isForPartner = ({ api, status }: RequestRecord) => api === 'orders' && status !== 404
  const ids = (records: readonly RequestRecord[]) => records.map(({ id }) => id).sort()
  assert.deepEqual(ids(partner), ids(whole.filter(isForPartner)))
  const text = linesIn(join(folder, 'partner')).join('\n')
  for (const hidden of [secret, agent]) assert.ok(!text.includes(hidden), hidden)
  assert.deepEqual(new Set(partner.map(({ clientIp }) => clientIp)), new Set(['[redacted]']))
  assert.equal(new Set(partner.map(({ tags }) => tags.customer)).size, 1)

  const errors = recordsOf('errors')
  assert.deepEqual(ids(errors), ids(whole.filter(({ status }) => status === 503)))
  assert.ok(errors.every(({ api, path, traceId }) => api !== '' && path === '' && traceId === ''))

  const counts = Object.fromEntries(
    (await ledgers()).map(({ sink, delivered, filtered }) => [sink, [delivered, filtered]]),
  )
  assert.deepEqual(counts, {
    whole: [60, 0],
    partner: [partner.length, 60 - partner.length],
    errors: [errors.length, 60 - errors.length],
  })
})
