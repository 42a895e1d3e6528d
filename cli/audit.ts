import { audit } from '../pump/audit/audit.ts'
import type { Finding, NamedRecord, Unjudged, Verdict } from '../pump/audit/finding.ts'
import { openLog } from '../runtime/log.ts'
import type { MinuteRange } from '../sinks/holdings.ts'
import { HaltError, RetryableError } from '../sinks/sink.ts'
import {
  BackendError,
  type Command,
  exitCodes,
  type OptionValues,
  type Terminal,
  textOf,
  UsageError,
  ValueError,
} from './command.ts'
import { configOf, configOption } from './files.ts'
import { chosenSinks, openHoldings } from './holdings.ts'
import { openExistingBuffer } from './roles/buffer.ts'
import { toTable } from './table.ts'
import { toTimeMs } from './time.ts'

export const auditCommand: Command = {
  summary: 'Compares what each sink holds with what was delivered to it, and names what is missing or there twice',
  usage: '--from TIME [--to TIME] [--sink NAME]',
  options: {
    config: configOption,
    from: { type: 'string', value: 'TIME', doc: 'First minute, such as 2026-11-21T09:00:00Z, or 1h for an hour ago' },
    to: { type: 'string', value: 'TIME', doc: 'Up to this minute; default now' },
    sink: { type: 'string', value: 'NAME', doc: 'One sink only; others still say what it should have' },
  },
  examples: [
    'penstock audit --from 1h',
    'penstock audit --from 2026-11-20 --to 2026-11-21 --sink warehouse',
    'penstock audit --from 7d | jq -r \'select(.kind == "missing").id\'',
  ],
  async run(values, _positionals, terminal) {
    const range = toRange(values, Date.now())
    const config = configOf(values, terminal)
    const judged = chosenSinks(config, textOf(values, 'sink'))
    const log = openLog({ level: 'warn' })
    await using opened = new AsyncDisposableStack()
    const buffer = opened.use(await openExistingBuffer(config, log))
    const sinks = await openHoldings(config, log, opened)
    const findings: Finding[] = []
    try {
      for await (const finding of audit({ buffer, sinks, judged, range, signal: terminal.interrupted })) {
        findings.push(finding)
        if (!terminal.isTty) terminal.out(`${JSON.stringify(toLine(finding))}\n`)
      }
    } catch (error) {
      if (!(error instanceof RetryableError || error instanceof HaltError)) throw error
      throw new BackendError(`A sink stopped to answer: ${error.message}`, { cause: error })
    }
    if (terminal.isTty) show(findings, terminal)
    return toExitCode(findings)
  },
}

/** Whole minutes that the times touch. */
function toRange(values: OptionValues, nowMs: number): MinuteRange {
  const from = textOf(values, 'from')
  if (from === undefined) throw new UsageError('Say from when: penstock audit --from 1h')
  const fromMs = toTimeMs('from', from, nowMs)
  const toMs = toTimeMs('to', textOf(values, 'to') ?? new Date(nowMs).toISOString(), nowMs)
  if (fromMs >= toMs) throw new ValueError('--from lies behind --to: the time ends before it begins.')
  return { from: Math.floor(fromMs / 60_000), to: Math.ceil(toMs / 60_000) }
}

function toExitCode(findings: readonly Finding[]): number {
  const differs = ({ kind }: Finding) => !['unjudged', 'unreachable', 'verdict'].includes(kind)
  if (findings.some(differs)) return exitCodes.error
  return findings.some(({ kind }) => kind === 'unreachable') ? exitCodes.backend : exitCodes.ok
}

/** For programs: minutes as times. */
function toLine(finding: Finding): object {
  const times = ['minute', 'from', 'to'].filter((name) => name in finding)
  return { ...finding, ...Object.fromEntries(times.map((name) => [name, toTime(finding[name as keyof Finding])])) }
}

function toTime(minute: unknown): string | null {
  const at = new Date(Number(minute) * 60_000)
  return Number.isNaN(at.getTime()) ? null : at.toISOString() // beyond all time: never
}

/** 50 ids: a screen; a program that reads the lines gets all. */
const idsShown = 50

function show(findings: readonly Finding[], { out }: Terminal): void {
  const verdicts = findings.filter((finding): finding is Verdict => finding.kind === 'verdict')
  const numbers = ['minutes', 'delivered', 'differing', 'missing', 'doubled', 'unknown'] as const
  if (verdicts.length > 0) {
    const columns = [{ title: 'sink' }, ...numbers.map((title) => ({ title, align: 'right' as const }))]
    out(
      toTable(
        columns,
        verdicts.map((verdict) => [verdict.sink, ...numbers.map((name) => verdict[name].toLocaleString('en'))]),
      ),
    )
  }
  for (const finding of findings) {
    if (finding.kind === 'unreachable') out(`\n${finding.sink} did not answer: ${finding.because}\n`)
    if (finding.kind === 'difference')
      out(
        `\n${finding.sink}, ${toTime(finding.minute)}: ${finding.delivered} delivered, ${finding.erased} erased, ${finding.held} held\n`,
      )
    if (finding.kind === 'unnamed')
      out(`  ${finding.missing} missing and ${finding.unknown} unknown without a name: ${finding.because}\n`)
    if (isNamed(finding)) showNamed(finding, findings, out)
  }
  const unjudged = findings.filter((finding): finding is Unjudged => finding.kind === 'unjudged')
  if (unjudged.length > 0) out('\nNot judged:\n')
  for (const { sink, because, records, from, to } of unjudged) {
    const when = from === undefined ? '' : `${toTime(from)} to ${toTime(to)}: `
    out(`  ${sink}: ${when}${records === undefined ? '' : `${records.toLocaleString('en')} records, `}${because}\n`)
  }
}

const isNamed = (finding: Finding): finding is NamedRecord => 'id' in finding

function showNamed(named: NamedRecord, findings: readonly Finding[], out: Terminal['out']): void {
  const place = findings.filter((one) => isNamed(one) && one.sink === named.sink).indexOf(named)
  if (place === idsShown) out('  … and more: pipe the output to see all\n')
  if (place >= idsShown) return
  const words = { missing: 'missing', doubled: `there ${named.times} times`, unknown: 'there, but never delivered' }
  const seen = named.seenIn.length > 0 ? `; seen in ${named.seenIn.join(', ')}` : ''
  out(`  ${named.id} ${words[named.kind]}${seen}\n`)
}
