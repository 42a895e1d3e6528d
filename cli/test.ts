import type { Config } from '../config/config.ts'
import type { ShapeOptions } from '../pump/shape/options.ts'
import { openShapes, type Shape } from '../pump/shape/shape.ts'
import type { RequestRecord } from '../record/fields.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { changesOf } from './changes.ts'
import { type Command, exitCodes, type OptionValues, type Terminal, textOf, UsageError } from './command.ts'
import { makeExamples, readExamples } from './examples.ts'
import { configOf, configOption } from './files.ts'
import { toTable } from './table.ts'

export const testCommand: Command = {
  summary: 'Shows which records each sink would get, and what of them, without asking any server',
  usage: '[--records FILE | --samples N] [--sink NAME]',
  options: {
    config: configOption,
    records: {
      type: 'string',
      value: 'FILE',
      doc: 'Records to take, a JSON object a line; what one leaves out is made up',
    },
    samples: {
      type: 'string',
      value: 'N',
      doc: 'How many records to make up of the APIs and consumers',
      default: '200',
    },
    sink: { type: 'string', value: 'NAME', doc: 'Only this sink, with the records as it would get them' },
  },
  examples: [
    'penstock test',
    'penstock test --sink warehouse | jq .consumer',
    `echo '{"api":"orders","status":503}' > r.jsonl; penstock test --records r.jsonl --sink warehouse`,
  ],
  async run(values, _positionals, terminal) {
    const config = configOf(values, terminal)
    const wanted = textOf(values, 'sink')
    if (wanted !== undefined && !Object.hasOwn(config.sinks, wanted)) {
      throw new UsageError(
        `There is no sink "${wanted}" in the configuration.${didYouMean(wanted, Object.keys(config.sinks))}`,
      )
    }
    const records = await examplesOf(config, values)
    const sinks = Object.entries(config.sinks)
      .filter(([name]) => wanted === undefined || name === wanted)
      .map(
        ([name, { type, shape }]): TestedSink => ({
          name,
          type,
          options: shape,
          shape: openShapes(shape, config.pump.hashKeys).current,
        }),
      )
    if (wanted !== undefined) showRecords(sinks, records, terminal)
    else if (terminal.isTty) showSummary(sinks, records, terminal)
    else showDecisions(sinks, records, terminal)
    return exitCodes.ok
  },
}

interface TestedSink {
  readonly name: string
  readonly type: string
  readonly options: ShapeOptions
  /** Undefined where it gets every record as it is. */
  readonly shape: Shape | undefined
}

async function examplesOf(config: Config, values: OptionValues): Promise<RequestRecord[]> {
  const file = textOf(values, 'records')
  if (file !== undefined) return await readExamples(file)
  const count = Number(textOf(values, 'samples'))
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000)
    throw new UsageError('--samples takes a whole number from 1 to 1000000.')
  return makeExamples(config, count)
}

function shaped({ shape }: TestedSink, record: RequestRecord): RequestRecord | undefined {
  return shape ? shape.apply(record) : record
}

function showRecords(sinks: readonly TestedSink[], records: readonly RequestRecord[], { out }: Terminal): void {
  for (const sink of sinks) {
    for (const record of records) {
      const given = shaped(sink, record)
      if (given) out(`${JSON.stringify(given)}\n`)
    }
  }
}

/** For programs: for each sink and record either the record as the sink would get it, or what keeps it away. */
function showDecisions(sinks: readonly TestedSink[], records: readonly RequestRecord[], { out }: Terminal): void {
  for (const sink of sinks) {
    for (const record of records) {
      const given = shaped(sink, record)
      const decision = given ? { record: given } : { id: record.id, keptAwayBy: sink.shape?.refusal(record) }
      out(`${JSON.stringify({ sink: sink.name, ...decision })}\n`)
    }
  }
}

function showSummary(sinks: readonly TestedSink[], records: readonly RequestRecord[], { out }: Terminal): void {
  const columns = ['sink', 'type', 'records', 'gets', 'filtered', 'sampled out', 'calls'].map((title, i) => ({
    title,
    align: i < 2 ? ('left' as const) : ('right' as const),
  }))
  const summaries = sinks.map((sink) => ({ sink, ...summarize(sink, records) }))
  const rows = summaries.map(({ sink: { name, type }, given, refusals, calls }) => {
    const sampledOut = refusals.get('sample') ?? 0
    const filtered = records.length - given - sampledOut
    return [name, type, ...[records.length, given, filtered, sampledOut, calls].map((n) => n.toLocaleString('en'))]
  })
  out(toTable(columns, rows))
  for (const { sink, refusals, changes } of summaries) {
    if (!sink.shape) continue
    out(`\n${sink.name}\n`)
    for (const [rule, count] of refusals)
      out(`  ${count.toLocaleString('en')} kept away by ${rule}: ${toText(sink.options, rule)}\n`)
    for (const [path, count] of changes) out(`  ${path} changed in ${count.toLocaleString('en')}\n`)
    if (refusals.size + changes.size === 0) out('  none of these records is kept away or changed\n')
  }
}

/** What becomes of the records, most frequent first. `calls` is what the sink would count: the sum of weights. */
function summarize(sink: TestedSink, records: readonly RequestRecord[]) {
  const refusals = new Map<string, number>()
  const changes = new Map<string, number>()
  let given = 0
  let calls = 0
  for (const record of records) {
    const after = shaped(sink, record)
    const refusal = sink.shape?.refusal(record)
    if (refusal !== undefined) count(refusals, refusal)
    if (!after) continue
    given++
    calls += after.weight
    for (const path of changesOf(record, after)) count(changes, path)
  }
  return { given, calls, refusals: ordered(refusals), changes: ordered(changes) }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function ordered(counts: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...counts].sort(([, a], [, b]) => b - a))
}

/** The part of the options that a refusal names. */
function toText({ filter, sample }: ShapeOptions, rule: string): string {
  const index = /^filter\.block\[(\d+)\]$/.exec(rule)?.[1]
  if (index !== undefined) return JSON.stringify(filter?.block?.[Number(index)])
  return rule === 'sample' ? `1 in ${sample?.oneIn} is kept` : 'none of its rules matches'
}
