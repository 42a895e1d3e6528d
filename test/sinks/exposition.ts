import assert from 'node:assert/strict'
import type { ExpositionFormat } from '../../runtime/exposition.ts'
import type { Sink } from '../../sinks/sink.ts'

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar: string | undefined
}

/** What a sink shows, as one page. */
export function page(sink: Sink, format: ExpositionFormat = 'text'): string {
  return [...(sink.expose?.(format) ?? [])].join('')
}

const sample =
  /^(?<name>[a-z_]+)(?:\{(?<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (?<value>\S+)(?: # (?<exemplar>.*))?$/i
const label = /(?<name>\w+)="(?<value>(?:[^"\\]|\\.)*)"/g

/** Every sample of a page; a line that is none fails. */
export function samples(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# '))
    .map((line) => {
      const groups = sample.exec(line)?.groups
      assert.ok(groups, `not a sample: ${line}`)
      const pairs = [...(groups.labels ?? '').matchAll(label)].map(({ groups: pair }) => [
        pair?.name,
        pair?.value?.replaceAll(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character)),
      ])
      return {
        name: groups.name ?? '',
        labels: Object.fromEntries(pairs),
        value: Number(groups.value),
        exemplar: groups.exemplar,
      }
    })
}

/** The sum of a metric of a page over all series with these labels. */
export function total(
  shown: string | readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return (typeof shown === 'string' ? samples(shown) : shown)
    .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0)
}
