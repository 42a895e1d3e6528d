import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counter, Gauge, Registry } from 'prom-client'
import { expose } from '../../runtime/exposition.ts'
import { parseMetrics } from '../../runtime/metrics-text.ts'

test('what a process of ours shows is read back, whatever labels hold, in both formats', async () => {
  const registers = [new Registry()]
  const labels = { sink: 'a"b\\c\nd}', shard: '{0}' }
  new Counter({ name: 'made_total', help: 'Made {x="y"} 7', labelNames: ['sink', 'shard'], registers }).inc(labels, 3)
  new Gauge({ name: 'bytes', help: 'Now', registers }).set(Number.NEGATIVE_INFINITY)
  for (const format of ['text', 'openmetrics'] as const) {
    const page = (await Array.fromAsync(expose(format, registers[0]!))).join('') // made above
    assert.deepEqual(
      [...parseMetrics(page)],
      [
        { name: 'made_total', labels, value: 3 },
        { name: 'bytes', labels: {}, value: Number.NEGATIVE_INFINITY },
      ],
    )
  }
})

test('times, exemplars, exponents and spaces are understood, and what is no sample is passed over', () => {
  const page = `# HELP up Up
# TYPE up gauge
up{ job = "a", } 1 1763712345678
took_bucket{le="+Inf"} 2.5e3 # {trace_id="x"} 0.7
nothing NaN

<html>not a metric</html>
`
  assert.deepEqual(
    [...parseMetrics(page)].map(({ name, labels, value }) => [name, labels, value]),
    [
      ['up', { job: 'a' }, 1],
      ['took_bucket', { le: '+Inf' }, 2500],
      ['nothing', {}, Number.NaN],
    ],
  )
})
