import { type Sample, samples } from '../sinks/exposition.ts'

/** A page of metrics, as a scraper reads it. */
export interface MetricsPage {
  /** Every sample of a metric with these labels. */
  samples(name: string, labels?: Sample['labels']): readonly Sample[]
  /** The value of the only one; undefined where there is none or more than one. */
  only(name: string, labels?: Sample['labels']): number | undefined
}

/** Reads `/metrics` of a process of ours. */
export async function readMetrics(adminUrl: string): Promise<MetricsPage> {
  const byName = Map.groupBy(samples(await (await fetch(`${adminUrl}/metrics`)).text()), ({ name }) => name)
  const find: MetricsPage['samples'] = (name, labels = {}) =>
    (byName.get(name) ?? []).filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
  return {
    samples: find,
    only(name, labels) {
      const [first, ...others] = find(name, labels)
      return others.length === 0 ? first?.value : undefined
    },
  }
}
