import { type Explanation, explain, isSame, less, type Sum, sumOf } from './explain.ts'
import type { NamedRecord, Unjudged, Unnamed } from './finding.ts'
import type { Evidence } from './gather.ts'

/** What is found about one minute of one sink. */
export interface Judged {
  readonly minute: number
  readonly delivered: number
  /** Without what is on its way. */
  readonly held: number
  readonly findings: readonly (NamedRecord | Unnamed | Unjudged)[]
}

const none: Sum = { records: 0, idSum: 0 }

/** Judges a minute that seemed to differ. Where records of it were settled all the while, only what is there twice is told. */
export function judge(sink: string, minute: number, erased: Sum, evidence: Evidence, isStill: boolean): Judged {
  const all = evidence.held.get(sink)?.get(minute) ?? new Map<string, number>()
  const held = new Map([...all].filter(([id]) => !isOnItsWay(sink, minute, id, evidence)))
  const delivered = evidence.delivered.get(sink)?.get(minute) ?? none
  const expected = less(delivered, erased)
  const others = othersIds(sink, minute, evidence)
  const isVouchedFor = others.size > 0
  const now = { minute, delivered: delivered.records, held: [...held.values()].reduce((sum, times) => sum + times, 0) }
  if (isSame(expected, sumOf(held.keys())) && now.held === held.size) return { ...now, findings: [] }
  const explanation = explain({ expected, held, others, isVouchedFor })
  const named = (kind: NamedRecord['kind']) =>
    (isStill || kind === 'doubled' ? explanation[kind] : []).map(
      (id): NamedRecord => ({
        kind,
        sink,
        minute,
        id,
        times: held.get(id) ?? 0,
        seenIn: seenIn(sink, minute, id, evidence),
      }),
    )
  const records = [...named('missing'), ...named('doubled'), ...named('unknown')]
  if (!isStill) {
    const because = 'records of this minute are being settled: ask again when it is quiet'
    return { ...now, findings: [...records, { kind: 'unjudged', sink, from: minute, to: minute + 1, because }] }
  }
  return { ...now, findings: [...records, ...unnamed(sink, minute, explanation, isVouchedFor)] }
}

function unnamed(
  sink: string,
  minute: number,
  { unnamedMissing: missing, unnamedUnknown: unknown }: Explanation,
  isVouchedFor: boolean,
): Unnamed[] {
  if (missing === 0 && unknown === 0) return []
  const because = isVouchedFor
    ? 'others have other records of this minute, and the sum of ids fits none of them'
    : 'no other sink and no frame of the log has this minute'
  return [{ kind: 'unnamed', sink, minute, missing, unknown, because }]
}

/** Held by the sink, and not in its ledger yet: the log has it beyond what is settled, or it is a dead letter that is delivered again. */
function isOnItsWay(sink: string, minute: number, id: string, evidence: Evidence): boolean {
  const logged = evidence.logged.get(minute)?.get(id)
  if (logged && !evidence.isSettled(sink, logged)) return true
  return evidence.letters.get(sink)?.get(id)?.isRetried ?? false
}

/** Ids of the minute that other sinks or the log have, and that the sink should have too as far as the log can tell. */
function othersIds(sink: string, minute: number, { held, logged, letters, isSettled }: Evidence): Set<string> {
  const ids = new Set<string>()
  const inLog = logged.get(minute)
  const isExpected = (id: string) => {
    const known = inLog?.get(id)
    if (known && (known.refusedBy.has(sink) || !isSettled(sink, known))) return false
    return !letters.get(sink)?.has(id)
  }
  for (const [name, minutes] of held) {
    if (name === sink) continue
    for (const id of minutes.get(minute)?.keys() ?? []) if (isExpected(id)) ids.add(id)
  }
  for (const id of inLog?.keys() ?? []) if (isExpected(id)) ids.add(id)
  return ids
}

function seenIn(sink: string, minute: number, id: string, { held, logged }: Evidence): string[] {
  const sinks = [...held]
    .filter(([name, minutes]) => name !== sink && minutes.get(minute)?.has(id))
    .map(([name]) => name)
  return logged.get(minute)?.has(id) ? [...sinks, 'log'] : sinks
}
