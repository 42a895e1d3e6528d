export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly number[]
}

export interface Range {
  readonly fromSeconds: number
  readonly toSeconds: number
  readonly stepSeconds: number
}

interface Answer<T> {
  readonly status: 'success' | 'error'
  readonly error?: string
  readonly data: T
}

interface Entry {
  readonly metric: Readonly<Record<string, string>>
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [number, string])[]
}

/** The calls that Grafana makes to Prometheus. Each throws what Prometheus says is wrong. */
export class PrometheusApi {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** An instant query. */
  async now(query: string, atSeconds: number): Promise<Series[]> {
    return toSeries(await this.#ask('query', { query, time: atSeconds }))
  }

  /** A range query. */
  async over(query: string, { fromSeconds, toSeconds, stepSeconds }: Range): Promise<Series[]> {
    return toSeries(await this.#ask('query_range', { query, start: fromSeconds, end: toSeconds, step: stepSeconds }))
  }

  /** How many exemplars the series of a query have in the range. */
  async exemplars(query: string, { fromSeconds, toSeconds }: Range): Promise<number> {
    const found = await this.#ask<readonly { readonly exemplars: readonly unknown[] }[]>('query_exemplars', {
      ...{ query, start: fromSeconds, end: toSeconds },
    })
    return found.reduce((sum, { exemplars }) => sum + exemplars.length, 0)
  }

  async labelValues(selector: string, label: string): Promise<readonly string[]> {
    return await this.#ask(`label/${label}/values`, { 'match[]': selector })
  }

  async #ask<T>(path: string, parameters: Readonly<Record<string, string | number>>): Promise<T> {
    const search = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
    const response = await fetch(`${this.#url}/api/v1/${path}?${search}`)
    const { status, error, data } = (await response.json()) as Answer<T> // as Prometheus documents
    if (status === 'error') throw new Error(error)
    return data
  }
}

function toSeries({
  resultType,
  result,
}: {
  readonly resultType: string
  readonly result: readonly Entry[] | readonly [number, string]
}): Series[] {
  if (resultType === 'scalar') return [{ labels: {}, values: [Number(result[1])] }]
  return (result as readonly Entry[]).map(({ metric, value, values }) => ({
    labels: metric,
    values: (values ?? (value ? [value] : [])).map(([, text]) => Number(text)),
  }))
}
