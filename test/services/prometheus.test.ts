import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { openPrometheus, promtool } from './prometheus.ts'
import { until } from './until.ts'

test('a target of the configuration is scraped', async (t) => {
  const exposing = createServer((_, response) => response.end('answers_total 42\n')).listen(0, '127.0.0.1')
  t.after(() => exposing.close())
  await until(() => exposing.listening)
  const { port } = exposing.address() as AddressInfo // listens on TCP
  const scrape = { job_name: 'ours', scrape_interval: '100ms', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }
  await using prometheus = await openPrometheus({ config: { scrape_configs: [scrape] } })
  await until(async () => (await prometheus.query('answers_total{job="ours"} == 42')).length === 1)
})

test('a query gives numbers, and an error for what is no PromQL', async () => {
  await using prometheus = await openPrometheus()
  assert.deepEqual(await prometheus.query('1 + 1', 1000), [{ labels: {}, value: 2, atSeconds: 1000 }])
  const [labelled] = await prometheus.query('label_replace(vector(1) / 0, "a", "b", "", "")')
  assert.deepEqual([labelled?.labels, labelled?.value], [{ a: 'b' }, Number.POSITIVE_INFINITY])
  await assert.rejects(prometheus.query('sum('), /parse error/)
})

test('promtool is there', async () => {
  assert.match(execFileSync(await promtool(), ['--version']).toString(), /promtool, version 2\./)
})
