import { bytesText } from '../../runtime/quantity.ts'
import type { Terminal } from '../command.ts'
import { toTable } from '../table.ts'
import type { Place } from './look.ts'
import type { Paced, PacedSink } from './pace.ts'

const titles = ['sink', 'shard', 'state', 'records/s', 'lag', 'oldest', 'retries', 'dead', 'bytes/s']
const columns = titles.map((title, i) => ({ title, align: i < 3 ? ('left' as const) : ('right' as const) }))

/** Red and yellow. */
const colours: Partial<Record<NonNullable<Place['state']>, number>> = { halted: 31, retrying: 33, orphan: 33 }

/** The look as lines for a person, none wider than the terminal. */
export function toLines(
  shown: Paced,
  headline: string,
  terminal: Pick<Terminal, 'columns' | 'env'>,
): readonly string[] {
  const { sinks } = shown
  const rows = sinks.flatMap(rowsOf)
  const [head = '', ...body] = toTable(
    columns,
    rows.map(({ cells }) => cells),
  )
    .trimEnd()
    .split('\n')
  const cut = (line: string) => (line.length > terminal.columns ? `${line.slice(0, terminal.columns - 1)}…` : line)
  const painted = (line: string, colour: number | undefined) =>
    colour === undefined || terminal.env.NO_COLOR ? line : `\u001B[${colour}m${line}\u001B[0m`
  return [
    cut(headline),
    cut(totals(shown)),
    '',
    painted(cut(head), 1),
    ...body.map((line, i) => painted(cut(line), colours[rows[i]?.state ?? 'running'])),
    ...reasons(sinks).map(cut),
  ]
}

function totals({ look, appendedPerSecond }: Paced): string {
  const { bufferBytes, bufferMaxBytes } = look
  const fill = `${((bufferBytes / (bufferMaxBytes || 1)) * 100).toFixed(1)} % of ${bytesText(bufferMaxBytes)}`
  return `appended ${pace(appendedPerSecond)} records/s   buffer ${fill}`
}

interface Row {
  readonly state: Place['state']
  readonly cells: readonly string[]
}

/** A line for the sink, and one for each shard where there are several: what pumps count for a sink they do not count by shard. */
function rowsOf(one: PacedSink): Row[] {
  const { sink, shards, state, retries, bytesPerSecond } = one
  const [only] = shards
  const work = [count(retries), count(one.deadLetters), bytesPerSecond === undefined ? '–' : bytesText(bytesPerSecond)]
  const whole = shards.length === 1 ? (only?.shard ?? '') : 'all'
  const row = { state, cells: [sink, whole, state ?? '–', ...progress(one), ...work] }
  if (shards.length === 1) return [row]
  return [
    row,
    ...shards.map((place) => {
      const cells = ['', place.shard, place.state ?? '–', ...progress(place), '', count(place.deadLetters), '']
      return { state: place.state, cells }
    }),
  ]
}

type Progress = Pick<PacedSink, 'recordsPerSecond' | 'lagRecords' | 'lagSeconds'>

function progress({ recordsPerSecond, lagRecords, lagSeconds }: Progress): string[] {
  return [pace(recordsPerSecond), count(lagRecords), lagRecords > 0 ? age(lagSeconds) : '–']
}

function reasons(sinks: readonly PacedSink[]): string[] {
  const told = sinks.flatMap(({ shards }) =>
    shards.flatMap(({ sink, shard, state, reason }) => {
      if (state === 'orphan') return [`${sink} is not in the config and holds the log: penstock sinks retire ${sink}`]
      return state === 'running' || !reason ? [] : [`${sink}/${shard}: ${reason.split('\n')[0]}`]
    }),
  )
  return told.length === 0 ? [] : ['', ...new Set(told)]
}

const count = (number: number) => Math.round(number).toLocaleString('en')
const pace = (perSecond: number | undefined) => (perSecond === undefined ? '–' : count(perSecond))

function age(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
