import { setImmediate as turn } from 'node:timers/promises'
import type { MetricValueWithName, Registry } from 'prom-client'

/** How metrics are written out: Prometheus' text format 0.0.4, or OpenMetrics 1.0.0, which alone can carry exemplars. */
export type ExpositionFormat = 'text' | 'openmetrics'

export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format that a scraper likes best, by its Accept header; text where it does not say. */
export function negotiate(accept = ''): ExpositionFormat {
  const quality = { text: 0, openmetrics: 0 }
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const q = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
    const format = type === 'application/openmetrics-text' ? 'openmetrics' : 'text'
    quality[format] = Math.max(quality[format], Number.isNaN(q) ? 0 : q)
  }
  return quality.openmetrics > 0 && quality.openmetrics >= quality.text ? 'openmetrics' : 'text'
}

/** What stands above a metric's samples. OpenMetrics names a counter without its `_total`. */
export function familyHead(name: string, type: string, help: string, format: ExpositionFormat): string {
  const isCounter = type === 'counter' && name.endsWith('_total')
  const family = format === 'openmetrics' && isCounter ? name.slice(0, -'_total'.length) : name
  const kind = format === 'openmetrics' && type === 'counter' && !isCounter ? 'unknown' : type
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return `# HELP ${family} ${format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped}\n# TYPE ${family} ${kind}\n`
}

/** Labels as they stand between the braces: `a="1",b="2"`. */
export function labelText(labels: Readonly<Record<string, string | number>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(String(value))}"`)
    .join(',')
}

const mustEscape = /[\\\n"]/g

function escapeLabel(value: string): string {
  return value.replace(mustEscape, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}

/** A sample's value: plain decimal or scientific, and infinities as Prometheus spells them. */
export function valueText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}

/**
 * One page of metrics: those of `registry`, then what each of `sources` adds, in slices with a turn of the event loop
 * between them. The registry is written here and not by prom-client, which renames its counters for good once it has written OpenMetrics.
 */
export async function* expose(
  format: ExpositionFormat,
  registry: Registry,
  sources: Iterable<(format: ExpositionFormat) => Iterable<string>> = [],
): AsyncGenerator<string> {
  yield await registryText(registry, format)
  for (const source of sources) {
    for (const slice of source(format)) {
      yield slice
      await turn()
    }
  }
  if (format === 'openmetrics') yield '# EOF\n'
}

async function registryText(registry: Registry, format: ExpositionFormat): Promise<string> {
  let text = ''
  for (const { name, type, help, values } of await registry.getMetricsAsJSON()) {
    text += familyHead(name, String(type), help, format)
    for (const { metricName = name, labels, value } of values as MetricValueWithName<string>[]) {
      // its types leave the name out here
      const inBraces = labelText(labels as Record<string, string | number>) // a label that is not set is not there
      text += `${metricName}${inBraces && `{${inBraces}}`} ${valueText(value)}\n`
    }
  }
  return text
}
