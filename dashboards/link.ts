import { type PlaceName, places, type VariableOf } from './place.ts'

/** A way from what a panel shows to another place, which needs these labels of a series or columns of a row. */
export interface Link<L extends string = string> {
  readonly title: string
  readonly labels: readonly L[]
  /** The address, given how a label is referred to. */
  readonly url: (refer: (label: L) => string) => string
}

/** Variables that a choice of another makes meaningless: another api has other endpoints. */
const dependent: Readonly<Record<string, readonly string[]>> = { api: ['endpoint', 'method'], team: ['consumer'] }

/**
 * Makes links from one dashboard: `link('endpoint', 'Open the API', { api: 'api' })` sets variables of the target to labels.
 * The time range goes along, and so does every other variable that both have.
 */
export function linksFrom(from: PlaceName) {
  return <P extends PlaceName, const Pass extends Readonly<Record<string, string>>>(
    to: P,
    title: string,
    pass: Pass & Readonly<Record<Exclude<keyof Pass, VariableOf<P>>, never>>,
  ): Link<Pass[keyof Pass]> => {
    const passed = Object.entries(pass) as [string, Pass[keyof Pass]][] // entries lose the values' type
    const without = new Set(passed.flatMap(([variable]) => [variable, ...(dependent[variable] ?? [])]))
    const kept = places[to].variables.filter(
      (name) => (places[from].variables as readonly string[]).includes(name) && !without.has(name),
    )
    return {
      title,
      labels: passed.map(([, label]) => label),
      url: (refer) =>
        `/d/${places[to].uid}?${[
          ...passed.map(([variable, label]) => `var-${variable}=${refer(label)}`),
          ...kept.map((name) => `\${${name}:queryparam}`),
          // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's
          '${__url_time_range}',
        ].join('&')}`,
    }
  }
}

/** A label of the series that was clicked. */
export const ofSeries = (label: string) => `\${__field.labels.${label}:percentencode}`
/** A column of the row that was clicked. */
export const ofRow = (column: string) => `\${__data.fields.${column}:percentencode}`

/** A data link, as a field's configuration has it. */
export interface DataLink {
  readonly title: string
  readonly url: string
}

export function toDataLinks<L extends string>(links: readonly Link<L>[], refer: (label: L) => string): DataLink[] {
  return links.map(({ title, url }) => ({ title, url: url(refer) }))
}
