/** One line of a page of metrics. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Name, labels between braces, value; whatever stands behind is a time or an exemplar. */
const line = /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(?<value>\S+)/
const label = /(?<name>\w+)\s*=\s*"(?<value>(?:[^"\\]|\\.)*)"/g

/** Samples of a page in Prometheus' text format, or in OpenMetrics. What is no sample is passed over. */
export function* parseMetrics(text: string): Generator<Sample> {
  for (const one of text.split('\n')) {
    const { name, labels = '', value } = line.exec(one)?.groups ?? {}
    if (name === undefined || value === undefined) continue
    const pairs = [...labels.matchAll(label)].map(({ groups }) => [groups?.name ?? '', unescaped(groups?.value ?? '')])
    yield { name, labels: Object.fromEntries(pairs), value: toNumber(value) }
  }
}

function unescaped(value: string): string {
  return value.replaceAll(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))
}

function toNumber(value: string): number {
  const infinity = /^([+-]?)Inf$/i.exec(value)
  if (infinity) return infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(value)
}
