import type { Ledger, ShardReport } from '../../buffer/ledger.ts'
import { type Finding, fault, fine, warning } from '../../runtime/finding.ts'
import { bytesText } from '../../runtime/quantity.ts'

/** Of the buffer's size: the pump's own alarms. At 95 % the sink that is behind begins to lose. */
const errorAbove = 0.85
const warningAbove = 0.7
/** 1 minute: a sink that keeps up is seconds behind. */
const lateMs = 60_000

/** What the log says about itself and its sinks. */
export function examineReports(
  reports: readonly ShardReport[],
  configured: readonly string[],
  now = Date.now,
): readonly Finding[] {
  const bySink = Map.groupBy(
    reports.flatMap(({ ledgers }) => ledgers),
    ({ sink }) => sink,
  )
  const missing = configured.filter((sink) => !bySink.has(sink))
  return [
    examineFill(reports),
    ...[...bySink].flatMap(([sink, ledgers]) =>
      configured.includes(sink) ? examineSink(sink, ledgers, now()) : [orphan(sink, ledgers)],
    ),
    ...missing.map((sink) => fine(sink, 'The log has not seen it yet: the pump registers it.')),
  ]
}

function examineFill(reports: readonly ShardReport[]): Finding {
  const fullest = reports.reduce((most, one) => (fillOf(one) > fillOf(most) ? one : most))
  const { bytes, maxBytes, shard } = fullest
  const which = reports.length > 1 ? ` of shard ${shard}` : ''
  const found = `${(fillOf(fullest) * 100).toFixed(1)} %${which} are in use, ${bytesText(bytes)} of ${bytesText(maxBytes)}`
  const behind = fullest.ledgers.toSorted((a, b) => b.backlog - a.backlog)[0]
  const advice = `Mend the sink ${behind?.sink ?? ''}, which is furthest behind: at 95 % its oldest records are given up, unless it holds for ever.`
  if (fillOf(fullest) > errorAbove) return fault('fill', `${found}.`, advice)
  if (fillOf(fullest) > warningAbove) return warning('fill', `${found}.`, advice)
  return fine('fill', `${found}.`)
}

function fillOf({ bytes, maxBytes }: ShardReport): number {
  return bytes / maxBytes
}

function orphan(sink: string, ledgers: readonly Ledger[]): Finding {
  const backlog = total(ledgers, 'backlog')
  return warning(
    sink,
    `It is not in the config and holds the log, ${backlog.toLocaleString('en')} records by now.`,
    `Bring it back, or run penstock sinks retire ${sink}.`,
  )
}

function examineSink(sink: string, ledgers: readonly Ledger[], nowMs: number): Finding[] {
  const [backlog, held, evicted] = [
    total(ledgers, 'backlog'),
    total(ledgers, 'deadLettersHeld'),
    total(ledgers, 'evicted'),
  ]
  const findings: Finding[] = []
  const difference = ledgers.reduce((sum, ledger) => sum + Math.abs(differenceOf(ledger)), 0)
  if (difference !== 0)
    findings.push(
      fault(
        sink,
        `Its ledger does not add up: ${difference.toLocaleString('en')} records.`,
        'This is a defect: run penstock buffer verify and penstock audit, and report what they say.',
      ),
    )
  const oldestAtMs = Math.min(...ledgers.map(({ oldestAtMs: atMs }) => atMs ?? Number.POSITIVE_INFINITY))
  if (nowMs - oldestAtMs > lateMs)
    findings.push(
      warning(
        sink,
        `It is ${backlog.toLocaleString('en')} records behind; the oldest is of ${new Date(oldestAtMs).toISOString()}.`,
        'See with penstock top whether it catches up, and with this command whether its backend is well.',
      ),
    )
  if (held > 0)
    findings.push(
      warning(
        sink,
        `${held.toLocaleString('en')} records that it refused are kept as dead letters.`,
        `See why with penstock dead list ${sink}; then retry or drop them.`,
      ),
    )
  if (evicted > 0)
    findings.push(
      warning(
        sink,
        `${evicted.toLocaleString('en')} records were given up for it, because it held a nearly full buffer.`,
        'Raise buffer.maxBytes, or set hold to forever where nothing may be given up.',
      ),
    )
  if (findings.length > 0) return findings
  return [
    fine(
      sink,
      `It has ${total(ledgers, 'delivered').toLocaleString('en')} records, and ${backlog.toLocaleString('en')} to go.`,
    ),
  ]
}

function differenceOf({ appended, delivered, filtered, deadLettered, evicted, backlog }: Ledger): number {
  return appended - delivered - filtered - deadLettered - evicted - backlog
}

type Count = 'backlog' | 'deadLettersHeld' | 'evicted' | 'delivered'

function total(ledgers: readonly Ledger[], count: Count): number {
  return ledgers.reduce((sum, ledger) => sum + ledger[count], 0)
}
