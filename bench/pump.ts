/** What the pump costs: 500,000 waiting records into each sink and into all together. `npm run bench:pump -- [--save] [--rounds N] [CASE …]` */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { stringify } from 'yaml'
import { toTable } from '../cli/table.ts'
import { openClickHouse } from '../test/services/clickhouse.ts'
import { openCollector } from '../test/services/collector.ts'
import { openMongo } from '../test/services/mongo.ts'
import { fillBacklog } from './pump/backlog.ts'
import type { Drained } from './pump/drain.ts'
import { measureYardstick, referenceCpuSeconds } from './pump/yardstick.ts'

const records = 500_000
const { values: flags, positionals: wanted } = parseArgs({
  options: { save: { type: 'boolean', default: false }, rounds: { type: 'string', default: '3' } },
  allowPositionals: true,
})
const rounds = Number(flags.rounds)
const baselineFile = join(import.meta.dirname, 'pump.baseline.json')

interface Case {
  readonly sinks: Readonly<Record<string, object>>
  /** Limits of the claims in the README: CPU seconds per 100,000 records on the machine where the yardstick takes its reference, and peak MB. */
  readonly maxCpu?: number
  readonly maxPeakMb: number
  /** Records to drain, where the test server is what takes the time. */
  readonly records?: number
}

interface Result {
  /** CPU seconds per 100,000 records, median. */
  readonly cpuPer100k: number
  readonly recordsPerSecond: number
  readonly peakMb: number
}

await using clickhouse = await openClickHouse()
await using mongo = await openMongo()
await using collector = await openCollector()
const prometheus = { type: 'prometheus' }
const file = { type: 'file' }
const toClickhouse = { type: 'clickhouse', url: clickhouse.url }
const toMongo = { type: 'mongo', url: mongo.url.replace('/?', '/bench?'), chunkRecords: 50 } // 50: the test server hangs in larger updates
const toOtlp = { type: 'otlp', url: collector.url }
const store = { type: 'store' }

const allCases: Record<string, Case> = {
  prometheus: { sinks: { prometheus }, maxCpu: 0.25, maxPeakMb: 300 },
  file: { sinks: { file }, maxCpu: 0.4, maxPeakMb: 300 },
  clickhouse: { sinks: { clickhouse: toClickhouse }, maxCpu: 1, maxPeakMb: 300 },
  store: { sinks: { store }, maxCpu: 1, maxPeakMb: 500 },
  otlp: { sinks: { otlp: toOtlp }, maxPeakMb: 300, records: 100_000 },
  mongo: { sinks: { mongo: toMongo }, maxPeakMb: 300, records: 2000 },
  'prometheus, file, clickhouse': { sinks: { prometheus, file, clickhouse: toClickhouse }, maxPeakMb: 300 },
  'prometheus, file, clickhouse, store': {
    sinks: { prometheus, file, clickhouse: toClickhouse, store },
    maxPeakMb: 500,
  },
}

const cases = Object.fromEntries(
  Object.entries(allCases).filter(([name]) => wanted.length === 0 || wanted.includes(name)),
)

const folder = mkdtempSync(join(tmpdir(), 'penstock-bench-'))
try {
  const results = await measureAll()
  print(results)
  if (flags.save) save(results)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function measureAll(): Promise<Record<string, Result>> {
  const backlogs = new Map<number, string>()
  for (const { records: count = records } of Object.values(cases)) {
    if (backlogs.has(count)) continue
    const dir = join(folder, `backlog-${count}`)
    await fillBacklog(dir, count)
    backlogs.set(count, dir)
  }
  const runs = new Map<string, Drained[]>(Object.keys(cases).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, { sinks, records: count = records }] of Object.entries(cases)) {
      runs.get(name)?.push(await drainOnce(backlogs.get(count) ?? '', sinks))
    }
  }
  return Object.fromEntries(
    [...runs].map(([name, drained]) => [name, toResult(drained, cases[name]?.records ?? records)]),
  )
}

/** One drain in a process and a data folder of its own. */
async function drainOnce(backlog: string, sinks: Case['sinks']): Promise<Drained> {
  const dataDir = mkdtempSync(join(folder, 'run-'))
  try {
    cpSync(backlog, dataDir, { recursive: true })
    const config = { dataDir, buffer: { type: 'sqlite', maxBytes: 4e9 }, pump: { admin: { port: 0 } }, sinks }
    const configFile = join(dataDir, 'bench.yaml')
    writeFileSync(configFile, stringify(config))
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(import.meta.dirname, 'pump/drain.ts'),
      configFile,
    ])
    return JSON.parse(stdout) as Drained // what drain.ts prints
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function toResult(drained: readonly Drained[], count: number): Result {
  return {
    cpuPer100k: median(drained.map(({ cpuSeconds }) => (cpuSeconds * 100_000) / count)),
    recordsPerSecond: Math.round(median(drained.map(({ seconds }) => count / seconds))),
    peakMb: Math.round(Math.max(...drained.map(({ peakBytes }) => peakBytes)) / 1e6),
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

function print(results: Readonly<Record<string, Result>>): void {
  const yardstick = measureYardstick()
  const scale = yardstick / referenceCpuSeconds
  const baseline = readBaseline()
  const columns = ['sinks', 'CPU-s/100k', 'limit', 'baseline', 'records/s', 'peak MB', 'limit', ''].map((title, i) => ({
    title,
    align: i === 0 || i === 7 ? ('left' as const) : ('right' as const),
  }))
  const rows = Object.entries(results).map(([name, { cpuPer100k, recordsPerSecond, peakMb }]) => {
    const { maxCpu, maxPeakMb = 0 } = cases[name] ?? {}
    const limit = maxCpu === undefined ? undefined : maxCpu * scale
    const over = (limit !== undefined && cpuPer100k > limit) || peakMb > maxPeakMb
    const before = baseline[name]?.cpuPer100k
    return [
      name,
      cpuPer100k.toFixed(3),
      limit?.toFixed(3) ?? '–',
      before?.toFixed(3) ?? '–',
      String(recordsPerSecond),
      String(peakMb),
      String(maxPeakMb),
      over ? 'over its limit' : '',
    ]
  })
  process.stdout.write(
    `\nNode ${process.version}, ${cpus().length} CPUs. Generic msgpack of Tyk records: ${yardstick.toFixed(2)} CPU-s/100k; limits are scaled by ${scale.toFixed(2)}.\n\n`,
  )
  process.stdout.write(toTable(columns, rows))
  if (rows.some((row) => row.at(-1))) process.exitCode = 1
}

function readBaseline(): Record<string, Result | undefined> {
  try {
    return (JSON.parse(readFileSync(baselineFile, 'utf8')) as { results: Record<string, Result> }).results // as save() writes it
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw error
  }
}

function save(results: Readonly<Record<string, Result>>): void {
  const facts = {
    command: 'npm run bench:pump -- --save',
    node: process.version,
    cpus: cpus().length,
    yardstick: measureYardstick(),
    results,
  }
  writeFileSync(baselineFile, `${JSON.stringify(facts, null, 2)}\n`)
}
