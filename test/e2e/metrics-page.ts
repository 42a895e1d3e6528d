/** A page of metrics, as a scraper reads it. */
export interface MetricsPage {
  /** Every sample of a metric with these labels. */
  samples(name: string, labels?: Labels): readonly Sample[]
  /** The value of the only one; undefined where there is none or more than one. */
  only(name: string, labels?: Labels): number | undefined
}

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

type Labels = Readonly<Record<string, string>>

const line = /^(?<name>\w+)(?:\{(?<labels>.*)\})? (?<value>\S+)$/
const label = /(?<name>\w+)="(?<value>[^"]*)"/g

/** Reads `/metrics` of a process of ours. */
export async function readMetrics(adminUrl: string): Promise<MetricsPage> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  const byName = new Map<string, Sample[]>()
  for (const groups of text.split('\n').map((one) => line.exec(one)?.groups)) {
    if (groups?.name === undefined) continue
    const pairs = [...(groups.labels ?? '').matchAll(label)].map(({ groups: pair }) => [pair?.name, pair?.value])
    const sample = { labels: Object.fromEntries(pairs) as Labels, value: Number(groups.value) } // both groups always match
    byName.set(groups.name, [...(byName.get(groups.name) ?? []), sample])
  }
  const samples = (name: string, labels: Labels = {}) =>
    (byName.get(name) ?? []).filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
  return {
    samples,
    only(name, labels) {
      const [first, ...others] = samples(name, labels)
      return others.length === 0 ? first?.value : undefined
    },
  }
}
