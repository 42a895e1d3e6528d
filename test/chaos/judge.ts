import { readFileSync } from 'node:fs'
import type { Buffer, StoredDeadLetter } from '../../buffer/buffer.ts'
import type { Ledger } from '../../buffer/ledger.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { openBuffer } from '../../cli/roles/buffer.ts'
import { loadConfig } from '../../config/config.ts'
import { noLog } from '../../runtime/log.ts'
import { sinks } from '../../sinks/index.ts'
import { samples } from '../sinks/exposition.ts'
import { type HeldRecord, holdings, type Places } from './holdings.ts'
import { readLedger } from './ledger.ts'
import { type Life, seriesOf } from './record.ts'
import { Accepted, type JudgedLife, SinkCount, type SinkTally } from './tally.ts'

/** All that the judge is told; the rest it reads itself. */
export interface Evidence {
  /** Configuration of a pump: how the log is opened. */
  readonly configFile: string
  readonly lives: readonly { readonly life: Life; readonly ledgerFile: string; readonly logFolder: string }[]
  readonly places: Places
  /** The pumps' /metrics pages, as they were when all was settled; absent where there is no prometheus sink. */
  readonly pages?: readonly string[]
}

export interface Verdict {
  /** Records that producers made, and those of them that are durable in a log of theirs. */
  readonly made: number
  readonly accepted: number
  readonly refused: number
  readonly poison: number
  readonly sinks: Readonly<Record<string, SinkTally>>
  /** Over all sinks that claim it. */
  readonly lost: number
  readonly doubled: number
  /** Anything else that is not as it must be, as sentences. */
  readonly problems: readonly string[]
}

/** Holds every sink and every ledger against what producers wrote down. */
export async function judge(evidence: Evidence): Promise<Verdict> {
  const problems: string[] = []
  const accepted = new Accepted(await readLives(evidence, problems))
  const config = loadConfig(evidence.configFile)
  await using buffer = await openBuffer(config, noLog)
  await checkLedgers(buffer, accepted, problems)

  const tallies: Record<string, SinkTally> = {}
  for (const [sink, place] of Object.entries(evidence.places) as [keyof Places, string][]) {
    const count = new SinkCount(accepted)
    for await (const group of holdings[sink](place)) count.hold(group)
    for await (const letter of deadLettersOf(buffer, sink)) count.deadLetter(letter)
    tallies[sink] = count.result()
    problems.push(...faultsOf(sink, tallies[sink]))
  }
  if (evidence.pages) tallies.prometheus = countSeries(evidence.pages, accepted, problems)

  const claiming = Object.entries(tallies).filter(([sink]) => sinks[sink as keyof typeof sinks].idempotency !== 'none')
  return {
    made: accepted.lives.reduce((sum, { made }) => sum + made, 0),
    accepted: accepted.records,
    refused: accepted.lives.reduce((sum, { refused }) => sum + refused.reduce((n, [from, to]) => n + to - from, 0), 0),
    poison: accepted.lives.reduce((sum, { poison }) => sum + poison.size, 0),
    sinks: tallies,
    lost: Object.values(tallies).reduce((sum, { lost }) => sum + lost, 0),
    doubled: claiming.reduce((sum, [, { doubled }]) => sum + doubled, 0),
    problems,
  }
}

/** What producers wrote down beside what their logs say; the two must agree. */
async function readLives({ lives }: Evidence, problems: string[]): Promise<JudgedLife[]> {
  const judged: JudgedLife[] = []
  for (const [logFolder, ofFolder] of Map.groupBy(lives, (one) => one.logFolder)) {
    await using log = await openSqliteBuffer({ dir: logFolder, maxBytes: Number.MAX_SAFE_INTEGER })
    const boots = (await log.inspect()).flatMap(({ producers }) => producers)
    for (const { life, ledgerFile } of ofFolder) {
      const ledger = readLedger(ledgerFile)
      if (!ledger) continue // it died before it had its boot
      const known = boots.find(({ producer, boot }) => producer === ledger.boot.producer && boot === ledger.boot.boot)
      const one = { life, ...ledger, appended: known?.appended ?? 0 }
      judged.push(one)
      problems.push(...faultsOfLife(one, known?.skipped ?? 0))
    }
  }
  return judged
}

function faultsOfLife({ life, made, durable, appended, end }: JudgedLife, skipped: number): string[] {
  const faults: string[] = []
  const name = `life ${life.number}`
  if (durable > appended)
    faults.push(`${name}: ${durable} records were said to be durable, its log has taken ${appended}`)
  if (skipped > 0) faults.push(`${name}: its log passed over ${skipped} records`)
  if (appended > made) faults.push(`${name}: its log has taken ${appended} records of ${made}`)
  if (end && end.made !== appended + end.refused)
    faults.push(`${name}: made ${end.made}, but appended ${appended} and refused ${end.refused}`)
  return faults
}

/** Conservation, by the log's own two sides and by ours. */
async function checkLedgers(buffer: Buffer, accepted: Accepted, problems: string[]): Promise<void> {
  const ledgers = Map.groupBy(
    (await buffer.inspect()).flatMap((report) => report.ledgers),
    ({ sink }) => sink,
  )
  for (const [sink, ofSink] of ledgers) {
    const sum = (term: Exclude<keyof Ledger, 'sink' | 'oldestAtMs'>) =>
      ofSink.reduce((n, ledger) => n + ledger[term], 0)
    const settled = sum('delivered') + sum('filtered') + sum('deadLettered') + sum('evicted')
    if (sum('backlog') !== 0) problems.push(`${sink}: ${sum('backlog')} records are not settled`)
    if (sum('appended') !== settled + sum('backlog'))
      problems.push(`${sink}: appended ${sum('appended')}, but settled ${settled} with a backlog of ${sum('backlog')}`)
    if (sum('appended') !== accepted.records)
      problems.push(`${sink}: the log has taken ${sum('appended')} records, producers ${accepted.records}`)
    if (sum('evicted') !== 0) problems.push(`${sink}: ${sum('evicted')} records were evicted`)
  }
}

function faultsOf(sink: string, tally: SinkTally): string[] {
  const { lost, doubled, doubledInPart, foreign, wrongDeadLetters, example } = tally
  const claimsOnce = sinks[sink as keyof typeof sinks].idempotency !== 'none' // places are named by their sinks
  const faults: string[] = []
  if (lost > 0 || (claimsOnce && doubled > 0))
    faults.push(`${sink}: lost ${lost}, doubled ${doubled}, such as ${example}`)
  if (!claimsOnce && doubledInPart > 0)
    faults.push(`${sink}: ${doubledInPart} records came again with others than before`)
  if (foreign > 0) faults.push(`${sink}: holds ${foreign} records that were never accepted, such as ${example}`)
  if (wrongDeadLetters > 0)
    faults.push(`${sink}: ${wrongDeadLetters} dead letters of records that are not at fault, or that it holds`)
  return faults
}

const perPage = 1000

async function* deadLettersOf(buffer: Buffer, sink: string): AsyncGenerator<HeldRecord> {
  for (let after: number | undefined; ; ) {
    const page: readonly StoredDeadLetter[] = await buffer.deadLetters(sink, {
      limit: perPage,
      ...(after === undefined ? {} : { after }),
    })
    for (const { form, bytes } of page) {
      const text = new TextDecoder().decode(bytes)
      yield form === 'json' ? (JSON.parse(text) as HeldRecord) : { id: '', path: text } // a record has both
    }
    after = page.at(-1)?.id
    if (page.length < perPage) return
  }
}

/** A sink that only counts: what its series hold, against what the accepted records add up to. */
function countSeries(pages: readonly string[], accepted: Accepted, problems: string[]): SinkTally {
  const shown = new Map<string, number>()
  for (const { name, labels, value } of pages.flatMap((page) => samples(readFileSync(page, 'utf8')))) {
    if (name !== 'penstock_requests_total') continue
    const series = `${labels.endpoint?.replace(/^\S+ /, '')} ${labels.status_class}`
    shown.set(series, (shown.get(series) ?? 0) + value)
  }
  const expected = new Map<string, number>()
  for (const { life, n } of accepted.each()) {
    const series = life.poison.has(n) ? seriesOf(n).replace(/\S+$/, '5xx') : seriesOf(n)
    expected.set(series, (expected.get(series) ?? 0) + 1)
  }
  let lost = 0
  let doubled = 0
  let example: string | undefined
  for (const series of new Set([...shown.keys(), ...expected.keys()])) {
    const off = (shown.get(series) ?? 0) - (expected.get(series) ?? 0)
    if (off !== 0) example ??= `${series}: ${shown.get(series) ?? 0} for ${expected.get(series) ?? 0}`
    lost += Math.max(0, -off)
    doubled += Math.max(0, off)
  }
  if (example) problems.push(`prometheus: counts ${lost} too few and ${doubled} too many, such as ${example}`)
  const held = shown.values().reduce((sum, count) => sum + count, 0)
  return { held, lost, doubled, doubledInPart: 0, foreign: 0, deadLettered: 0, wrongDeadLetters: 0, example }
}
