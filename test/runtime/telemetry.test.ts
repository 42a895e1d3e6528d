import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { trace } from '@opentelemetry/api'
import type { Log } from '../../runtime/log.ts'
import { openTelemetry, traced } from '../../runtime/telemetry.ts'
import { openCollector } from '../services/collector.ts'

function setEnv(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    process.env[name] = value
    t.after(() => void delete process.env[name])
  }
  t.after(() => trace.disable()) // what is open is open for the whole process
}

function openLines(): { readonly lines: unknown[][]; readonly log: Log } {
  const lines: unknown[][] = []
  return { lines, log: (...line) => lines.push(line) }
}

test('without the standard’s variables nothing is loaded, and work is done all the same', async () => {
  // a process of its own: in this one another test may have loaded it already
  const script = `
    import { createRequire } from 'node:module'
    import { openTelemetry, traced } from ${JSON.stringify(new URL('../../runtime/telemetry.ts', import.meta.url).href)}
    const lines = []
    await using telemetry = await openTelemetry({ serviceName: 'penstock', log: (...line) => lines.push(line) })
    const answer = await traced('work', {}, async () => 7)
    const loaded = Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache).filter((file) => file.includes('sdk-node'))
    process.stdout.write(JSON.stringify({ answer, loaded, lines }))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  assert.deepEqual(JSON.parse(stdout), { answer: 7, loaded: [], lines: [] })
})

test('spans of this process arrive at the endpoint that the standard’s variables name', async (t) => {
  await using collector = await openCollector()
  setEnv(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  })
  const { log } = openLines()
  const telemetry = await openTelemetry({ serviceName: 'penstock', log })
  await traced('outer', { sink: 'mongo' }, () => traced('inner', {}, async () => {}))
  await assert.rejects(
    traced('failing', {}, async () => {
      throw new Error('the server is down')
    }),
    /the server is down/,
  )
  await telemetry[Symbol.asyncDispose]()
  const requests = JSON.stringify(await collector.received())
  for (const part of [
    '"name":"inner"',
    '"name":"outer"',
    '{"key":"sink","value":{"stringValue":"mongo"}}',
    '{"key":"exception.message","value":{"stringValue":"the server is down"}}',
    '{"key":"service.name","value":{"stringValue":"penstock"}}',
    '{"key":"deployment.environment.name","value":{"stringValue":"test"}}',
  ])
    assert.ok(requests.includes(part), `${part} in ${requests}`)
})

test('an endpoint that is down is told in the log, and delays no stop for long', async (t) => {
  setEnv(t, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }) // a port that no other test is ever given
  const { lines, log } = openLines()
  const telemetry = await openTelemetry({ serviceName: 'penstock', log })
  await traced('work', {}, async () => {})
  await telemetry[Symbol.asyncDispose]()
  assert.ok(lines.some(([level]) => level === 'warn'))
})
