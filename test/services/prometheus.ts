import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { installed } from './provision.ts'
import { openServer, type Server } from './server.ts'

export interface PrometheusServer extends Server {
  readonly url: string
  /** Evaluates PromQL now, or at a time in Unix seconds. Throws what Prometheus says is wrong. */
  query(promql: string, atSeconds?: number): Promise<readonly Sample[]>
}

export interface Sample {
  labels: Readonly<Record<string, string>>
  value: number
  /** Of the evaluation, Unix seconds. */
  atSeconds: number
}

export interface PrometheusOptions {
  /** prometheus.yml as an object, or its text. Without it nothing is scraped. */
  config?: object | string
  /** Files that the configuration names, e.g. rules: relative path to content. */
  files?: Readonly<Record<string, string>>
}

const debianPackage = { name: 'prometheus', files: ['/usr/bin/prometheus', '/usr/bin/promtool'] }

/** Path of Debian's promtool. */
export async function promtool(): Promise<string> {
  await installed(debianPackage)
  return '/usr/bin/promtool'
}

/** Starts Debian's Prometheus. */
export async function openPrometheus({ config = {}, files = {} }: PrometheusOptions = {}): Promise<PrometheusServer> {
  await installed(debianPackage)
  const server = await openServer({
    name: 'prometheus',
    async command({ port, folder }) {
      const file = join(folder, 'prometheus.yml')
      if (!existsSync(file)) await writeConfig(folder, { ...files, 'prometheus.yml': asText(config) }) // a test may have changed it
      const listen = `--web.listen-address=127.0.0.1:${port}`
      const storage = `--storage.tsdb.path=${join(folder, 'data')}`
      const features = ['--web.enable-lifecycle', '--enable-feature=exemplar-storage']
      return { file: '/usr/bin/prometheus', args: [`--config.file=${file}`, storage, listen, ...features] }
    },
    isReady: async ({ port }) => (await fetch(`${urlOf(port)}/-/ready`)).ok,
  })
  const url = urlOf(server.port)
  return { ...server, url, query: (promql, atSeconds) => query(url, promql, atSeconds) }
}

const urlOf = (port: number) => `http://127.0.0.1:${port}`

const asText = (config: object | string) => (typeof config === 'string' ? config : JSON.stringify(config)) // JSON is YAML

async function writeConfig(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), content)
  }
}

async function query(url: string, promql: string, atSeconds?: number): Promise<readonly Sample[]> {
  const body = new URLSearchParams({ query: promql, ...(atSeconds === undefined ? {} : { time: `${atSeconds}` }) })
  const answer = (await (await fetch(`${url}/api/v1/query`, { method: 'POST', body })).json()) as QueryAnswer
  if (answer.status === 'error') throw new Error(answer.error)
  const { result, resultType } = answer.data
  if (resultType === 'scalar') return [toSample({}, result as [number, string])]
  return (result as VectorEntry[]).map(({ metric, value }) => toSample(metric, value))
}

const toSample = (labels: Readonly<Record<string, string>>, [atSeconds, value]: [number, string]): Sample => ({
  labels,
  value: value.endsWith('Inf') ? Number(value.replace('Inf', 'Infinity')) : Number(value),
  atSeconds,
})

interface VectorEntry {
  metric: Readonly<Record<string, string>>
  value: [number, string]
}

type QueryAnswer =
  | { status: 'success'; data: { resultType: 'vector' | 'scalar'; result: VectorEntry[] | [number, string] } }
  | { status: 'error'; error: string }
