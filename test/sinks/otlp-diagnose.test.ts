import assert from 'node:assert/strict'
import { test } from 'node:test'
import otlp from '../../sinks/otlp/otlp.ts'
import { openCollector } from '../services/collector.ts'
import { freePort } from '../services/port.ts'
import { examine } from './findings.ts'

test('a receiver is asked for each signal that is sent, and gets no record by it', async (t) => {
  const collector = await openCollector()
  t.after(() => collector[Symbol.asyncDispose]())
  const { levels } = await examine(otlp, { url: collector.url, traces: true })
  assert.deepEqual(levels, { logs: 'ok', traces: 'ok', metrics: 'ok' })
  const wrong = await examine(otlp, {
    url: collector.url,
    metrics: false,
    endpoints: { logs: `${collector.url}/nowhere` },
  })
  assert.deepEqual(wrong.levels, { logs: 'error' })
  assert.match(wrong.of('logs').found, /There is no receiver of OTLP at this address, HTTP 404/)
})

test('a receiver that is away is an error that says where it was looked for', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const { of } = await examine(otlp, { url })
  assert.match(of('metrics').found, /ECONNREFUSED/)
  assert.match(of('metrics').advice, new RegExp(`^Start the receiver at ${url}/v1/metrics`))
})
