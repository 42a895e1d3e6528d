import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { expose, labelText, negotiate, valueText } from '../../runtime/exposition.ts'

async function page(...arguments_: Parameters<typeof expose>): Promise<string> {
  return (await Array.fromAsync(expose(...arguments_))).join('')
}

function aRegistry(): Registry {
  const registers = [new Registry()]
  new Counter({ name: 'made_total', help: 'Says "so"\nand \\', labelNames: ['x'], registers }).inc({ x: 'a"b\\c\nd' })
  new Gauge({ name: 'bytes', help: 'Now', registers }).set(Number.POSITIVE_INFINITY)
  new Histogram({ name: 'took_seconds', help: 'Took', buckets: [0.5, 1], registers }).observe(0.7)
  return registers[0]! // made above
}

const histogram = `# HELP took_seconds Took
# TYPE took_seconds histogram
took_seconds_bucket{le="0.5"} 0
took_seconds_bucket{le="1"} 1
took_seconds_bucket{le="+Inf"} 1
took_seconds_sum 0.7
took_seconds_count 1
`

test('a registry is written as text, escaped', async () => {
  assert.equal(
    await page('text', aRegistry()),
    `# HELP made_total Says "so"\\nand \\\\
# TYPE made_total counter
made_total{x="a\\"b\\\\c\\nd"} 1
# HELP bytes Now
# TYPE bytes gauge
bytes +Inf
${histogram}`,
  )
})

test('OpenMetrics names the counter without its suffix, and says where the page ends', async () => {
  assert.equal(
    await page('openmetrics', aRegistry()),
    `# HELP made Says \\"so\\"\\nand \\\\
# TYPE made counter
made_total{x="a\\"b\\\\c\\nd"} 1
# HELP bytes Now
# TYPE bytes gauge
bytes +Inf
${histogram}# EOF
`,
  )
})

test('asking for OpenMetrics changes nothing in the next page of text', async () => {
  const registry = aRegistry()
  const before = await page('text', registry)
  await page('openmetrics', registry)
  assert.equal(await page('text', registry), before)
})

test('sources follow the registry, in order, before the end mark', async () => {
  const text = await page('openmetrics', new Registry(), [() => ['a 1\n', 'b 2\n'], (format) => [`# ${format}\n`]])
  assert.equal(text, 'a 1\nb 2\n# openmetrics\n# EOF\n')
})

test('what a scraper accepts decides the format', () => {
  const text = [
    '',
    '*/*',
    'text/html,application/xml;q=0.9',
    'application/openmetrics-text;q=0',
    'text/plain;version=0.0.4',
  ]
  const open = [
    'application/openmetrics-text',
    'application/openmetrics-text;version=1.0.0',
    'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'text/plain;q=0.2, Application/OpenMetrics-Text; q=0.2',
  ]
  for (const accept of text) assert.equal(negotiate(accept), 'text', accept)
  for (const accept of open) assert.equal(negotiate(accept), 'openmetrics', accept)
  assert.equal(negotiate('application/openmetrics-text;q=0.1,text/plain;q=0.9'), 'text')
  assert.equal(negotiate(undefined), 'text')
})

test('labels and values are spelled as Prometheus reads them', () => {
  assert.equal(labelText({ a: 'x', le: 0.5, empty: '' }), 'a="x",le="0.5",empty=""')
  assert.equal(valueText(Number.NEGATIVE_INFINITY), '-Inf')
  assert.equal(valueText(Number.NaN), 'NaN')
  assert.equal(valueText(1e21), '1e+21')
})
