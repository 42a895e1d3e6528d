import { type Buffer, ledgerDays } from '../../buffer/buffer.ts'
import type { Ledger } from '../../buffer/ledger.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { wait } from '../../runtime/wait.ts'
import type { Holdings, MinuteRange } from '../../sinks/holdings.ts'
import { isSame, less, type Sum } from './explain.ts'
import type { Finding } from './finding.ts'
import { byMinute, type Evidence, gather, type Witness } from './gather.ts'
import { type Judged, judge } from './judge.ts'

/** A sink of the configuration, as an audit sees it. */
export interface AuditedSink {
  readonly name: string
  /** What it holds; where nobody can say that, a sentence why. */
  readonly holdings: Holdings | string
  /** Whether the sink's rules keep the record from it. */
  readonly refuses: (record: RequestRecord) => boolean
}

export interface AuditOptions {
  readonly buffer: Buffer
  /** All of them: those that are not judged still know what the others should have. */
  readonly sinks: readonly AuditedSink[]
  /** Names of those that are judged. */
  readonly judged: ReadonlySet<string>
  readonly range: MinuteRange
  readonly signal: AbortSignal
  readonly nowMs?: number
}

/** What one sink holds by minute, beside what it should. */
interface Comparison {
  readonly witness: Witness
  readonly delivered: ReadonlyMap<number, Sum>
  readonly erased: ReadonlyMap<number, Sum>
  readonly held: ReadonlyMap<number, Sum>
  /** Minutes with records, and those that differ. */
  readonly minutes: number
  readonly differing: readonly number[]
}

/** 2,000,000 ids are some 250 MB. */
const idsAtOnce = 2_000_000
/** A block on its way is settled within a second or two; what still moves then is told. */
const attempts = 3
const settlingMs = 1000

const none: Sum = { records: 0, idSum: 0 }

/**
 * Compares what each sink holds with the ledger of what was delivered to it, minute by minute; for minutes that differ it names the
 * records, by what other sinks and the log have. Reads only, and beside a running pump.
 */
export async function* audit(options: AuditOptions): AsyncGenerator<Finding> {
  const { buffer, sinks, judged, signal } = options
  const comparisons: Comparison[] = []
  for (const sink of sinks) {
    const isJudged = judged.has(sink.name)
    const opened = await reachable(sink, options)
    if ('kind' in opened) {
      if (isJudged) yield opened
      continue
    }
    if (isJudged) yield* limits(opened, options)
    const comparison = await compare(opened, options, isJudged)
    if ('kind' in comparison) yield comparison
    else comparisons.push(comparison)
  }
  const subjects = comparisons.filter(({ witness }) => judged.has(witness.name))
  const { minutes, left } = affordable(subjects, comparisons.length)
  let open = new Set(minutes)
  const results = new Map<string, Judged[]>()
  for (let attempt = 1; open.size > 0; attempt++) {
    if (attempt > 1) await wait(settlingMs, signal)
    const evidence = await gather(
      buffer,
      comparisons.map(({ witness }) => witness),
      open,
      signal,
    )
    open = judgeAll(subjects, open, evidence, attempt === attempts, results)
  }
  for (const subject of subjects) yield* tell(subject, results.get(subject.witness.name) ?? [], left)
}

/** Judges what stood still; resolves to the minutes that moved, unless this is the last attempt. */
function judgeAll(
  subjects: readonly Comparison[],
  open: ReadonlySet<number>,
  evidence: Evidence,
  isLast: boolean,
  results: Map<string, Judged[]>,
): Set<number> {
  const moving = new Set<number>()
  for (const { witness, differing, erased } of subjects) {
    const done = results.get(witness.name) ?? []
    results.set(witness.name, done)
    for (const minute of differing) {
      if (!open.has(minute) || done.some((one) => one.minute === minute)) continue
      const isStill = evidence.isStill(witness.name, minute)
      if (isStill || isLast) done.push(judge(witness.name, minute, erased.get(minute) ?? none, evidence, isStill))
      else moving.add(minute)
    }
  }
  return moving
}

/** The sink as a witness, or why it is none. */
async function reachable(
  { name, holdings, refuses }: AuditedSink,
  { signal }: AuditOptions,
): Promise<Witness | Finding> {
  if (typeof holdings === 'string') return { kind: 'unjudged', sink: name, because: holdings }
  try {
    const horizon = await holdings.horizon(signal)
    return { name, holdings, refuses, from: horizon?.minute ?? 0, ...(horizon ? { because: horizon.because } : {}) }
  } catch (error) {
    return unreachable(name, error, signal)
  }
}

function unreachable(sink: string, error: unknown, signal: AbortSignal): Finding {
  signal.throwIfAborted()
  return { kind: 'unreachable', sink, because: error instanceof Error ? error.message : String(error) }
}

/** Of which part of the question a sink can say nothing, and what else is not looked at. */
async function* limits(witness: Witness & { because?: string }, options: AuditOptions): AsyncGenerator<Finding> {
  const { range } = options
  const sink = witness.name
  const kept = oldestKept(options)
  if (range.from < kept)
    yield {
      kind: 'unjudged',
      sink,
      from: range.from,
      to: Math.min(kept, range.to),
      because: `the ledger keeps ${ledgerDays} days`,
    }
  const begin = Math.max(range.from, kept)
  if (witness.from > begin)
    yield { kind: 'unjudged', sink, from: begin, to: Math.min(witness.from, range.to), because: witness.because ?? '' }
  for (const { backlog, evicted, deadLettersHeld } of await ledgersOf(sink, options)) {
    if (backlog > 0)
      yield { kind: 'unjudged', sink, records: backlog, because: 'not settled yet: waiting or on their way' }
    if (evicted > 0)
      yield { kind: 'unjudged', sink, records: evicted, because: 'given up because the buffer was nearly full' }
    if (deadLettersHeld > 0) yield { kind: 'unjudged', sink, records: deadLettersHeld, because: 'dead letters' }
  }
}

async function ledgersOf(sink: string, { buffer }: AuditOptions): Promise<Ledger[]> {
  return (await buffer.inspect()).flatMap(({ ledgers }) => ledgers.filter((ledger) => ledger.sink === sink))
}

const oldestKept = ({ nowMs = Date.now() }: AuditOptions) => Math.floor(nowMs / 60_000) - ledgerDays * 24 * 60

/** Minute by minute, for a sink that is judged; for another only that it answers. */
async function compare(witness: Witness, options: AuditOptions, isJudged: boolean): Promise<Comparison | Finding> {
  const { buffer, range, signal } = options
  const from = Math.max(range.from, witness.from, oldestKept(options))
  const nothing = new Map<number, Sum>()
  if (!isJudged || from >= range.to)
    return { witness, delivered: nothing, erased: nothing, held: nothing, minutes: 0, differing: [] }
  const part = { from, to: range.to }
  try {
    const delivered = byMinute(await buffer.minutes(witness.name, part))
    const held = byMinute(await witness.holdings.minutes(part, signal))
    const erased = byMinute(await witness.holdings.erased(part, signal))
    const minutes = [...new Set([...delivered.keys(), ...held.keys()])].sort((a, b) => a - b)
    const differing = minutes.filter((minute) => {
      const expected = less(delivered.get(minute) ?? none, erased.get(minute) ?? none)
      return !isSame(expected, held.get(minute) ?? none)
    })
    return { witness, delivered, erased, held, minutes: minutes.length, differing }
  } catch (error) {
    return unreachable(witness.name, error, signal)
  }
}

/** Minutes whose ids fit into memory, the earliest first, and how many are left. */
function affordable(
  subjects: readonly Comparison[],
  witnesses: number,
): { minutes: Set<number>; left: ReadonlySet<number> } {
  const minutes = new Set<number>()
  const left = new Set<number>()
  let ids = 0
  for (const minute of [...new Set(subjects.flatMap(({ differing }) => differing))].sort((a, b) => a - b)) {
    const greatest = Math.max(
      ...subjects.flatMap(({ delivered, held }) => [
        delivered.get(minute)?.records ?? 0,
        held.get(minute)?.records ?? 0,
      ]),
    )
    ids += greatest * (witnesses + 1)
    if (ids > idsAtOnce && minutes.size > 0) left.add(minute)
    else minutes.add(minute)
  }
  return { minutes, left }
}

function* tell(
  { witness, delivered, erased, held, minutes, differing }: Comparison,
  results: readonly Judged[],
  left: ReadonlySet<number>,
): Generator<Finding> {
  const sink = witness.name
  const count = { missing: 0, doubled: 0, unknown: 0 }
  let really = 0
  const difference = (minute: number, now: { delivered: number; held: number }): Finding => {
    really++
    return { kind: 'difference', sink, minute, erased: erased.get(minute)?.records ?? 0, ...now }
  }
  for (const { minute, findings, ...now } of results.toSorted((a, b) => a.minute - b.minute)) {
    const isDifferent = findings.some(({ kind }) => kind !== 'unjudged')
    if (isDifferent) yield difference(minute, now)
    for (const finding of findings) {
      if (finding.kind === 'unnamed') {
        count.missing += finding.missing
        count.unknown += finding.unknown
      } else if (finding.kind in count) count[finding.kind as keyof typeof count]++ // as just asked
      yield finding
    }
  }
  for (const minute of differing.filter((one) => left.has(one))) {
    const [should, has] = [delivered.get(minute)?.records ?? 0, held.get(minute)?.records ?? 0]
    const lacking = should - (erased.get(minute)?.records ?? 0) - has
    yield difference(minute, { delivered: should, held: has })
    yield {
      kind: 'unnamed',
      sink,
      minute,
      missing: Math.max(lacking, 0),
      unknown: Math.max(-lacking, 0),
      because: 'too many minutes differ to name records of all: ask for fewer',
    }
    count.missing += Math.max(lacking, 0)
    count.unknown += Math.max(-lacking, 0)
  }
  const total = [...delivered.values()].reduce((sum, { records }) => sum + records, 0)
  yield { kind: 'verdict', sink, minutes, differing: really, delivered: total, ...count }
}
