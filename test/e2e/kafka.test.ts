import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stringify } from 'yaml'
import type { RequestRecord } from '../../record/fields.ts'
import { scratchFolder } from '../scratch.ts'
import { openKafka } from '../services/kafka.ts'
import { freePort } from '../services/port.ts'
import { until } from '../services/until.ts'
import { openPenstock } from './process.ts'

async function startUpstream(t: TestContext): Promise<string> {
  const server = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on a port
}

/** Paths of the records in the files, also of lines that are not complete yet. */
function pathsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => (JSON.parse(line) as RequestRecord).path) // as the sink wrote it
}

/** Processes that share nothing but Kafka, and the folder that the files go to. */
async function openProcesses(t: TestContext, broker: string) {
  const folder = await scratchFolder(t)
  const files = join(folder, 'files')
  const upstream = await startUpstream(t)
  const port = await freePort()
  const open = async (name: string, role: 'gateway' | 'pump') => {
    const admin = await freePort()
    const config = {
      dataDir: join(folder, name),
      buffer: { type: 'kafka', brokers: [broker], partitions: 2, requestTimeoutMs: 3000 },
      gateway: {
        listen: [{ port }],
        admin: { port: admin },
        upstreams: { orders: { targets: [{ url: upstream }] } },
        apis: [{ name: 'orders', basePath: '/orders', upstream: 'orders', auth: 'none' }],
      },
      pump: { admin: { port: admin } },
      sinks: { files: { type: 'file', folder: files } },
    }
    const configFile = join(folder, `${name}.yaml`)
    writeFileSync(configFile, stringify(config))
    return await openPenstock({ configFile, roles: role, adminUrl: `http://127.0.0.1:${admin}` })
  }
  return { open, files, url: `http://127.0.0.1:${port}` }
}

test('through Kafka every request is in the files once, though a pump and the broker are killed on the way', async (t) => {
  await using kafka = await openKafka()
  const { open, files, url } = await openProcesses(t, kafka.url)
  await using gateway = await open('gateway', 'gateway')
  await using first = await open('first', 'pump')
  await using _second = await open('second', 'pump')
  const asked: string[] = []
  const ask = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const path = `/orders/${asked.length}`
      assert.equal((await fetch(`${url}${path}`)).status, 200)
      asked.push(path)
    }
  }
  await ask(100)
  await until(() => pathsIn(files).length > 0, { what: 'the first records to be delivered', timeoutMs: 60_000 })
  await first.kill()
  await ask(100)
  await kafka.kill()
  await ask(100)
  await kafka.restart()
  await ask(100)
  await gateway.stop()
  await until(() => pathsIn(files).length >= asked.length, { what: 'all records to be delivered', timeoutMs: 120_000 })
  assert.deepEqual(pathsIn(files).sort(), asked.sort())
})
