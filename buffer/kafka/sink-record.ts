import { comparePositions, type Position, type Seal } from '../buffer.ts'
import { firstPlace, type Place } from './places.ts'

/** A position with what Kafka needs to find it. */
export interface Spot {
  readonly place: Place
  readonly index: number
}

/** A seal as it is stored. */
export interface StoredSeal extends Omit<Seal, 'from' | 'to'> {
  readonly from: Spot
  readonly to: Spot
}

/** A block before it is sealed. */
export type Draft = Omit<StoredSeal, 'id' | 'deaths'>

/** One sink's end of one shard, as it is stored under the sink's key. */
export interface SinkRecord {
  /** A sink that was retired stays as a number: its fences and ids never come again. */
  readonly isRetired: boolean
  readonly fence: number
  readonly owner: string
  /** Whether the owner has let go. */
  readonly isReleased: boolean
  /** Grows while the owner lives. */
  readonly beat: number
  /** Last number that was given to a seal or a batch. */
  readonly lastId: number
  /** The last that a dead letter was given: at least its time, so that those of all shards are in order. */
  readonly lastLetter: number
  /** Records before the place where the sink began. */
  readonly started: number
  readonly cursor: Spot
  readonly seals: readonly StoredSeal[]
  readonly delivered: number
  readonly filtered: number
  readonly deadLettered: number
  readonly evicted: number
}

/** A sink that begins at a place; numbers that were given to one of its name before go on. */
export function newSink(start: Place, before: SinkRecord | undefined): SinkRecord {
  return {
    ...{
      isRetired: false,
      fence: before?.fence ?? 0,
      owner: '',
      isReleased: true,

      beat: before?.beat ?? 0,
    },
    ...{
      lastId: before?.lastId ?? 0,
      lastLetter: before?.lastLetter ?? 0,
      started: start.records,
      cursor: { place: start, index: 0 },
      seals: [],
    },
    ...{ delivered: 0, filtered: 0, deadLettered: 0, evicted: 0 },
  }
}

/** What stays of a sink that is forgotten. */
export function retiredSink({ fence, beat, lastId, lastLetter }: SinkRecord): SinkRecord {
  return { ...newSink(firstPlace, undefined), isRetired: true, fence, beat, lastId, lastLetter }
}

/** The sink in its next owner's hands. What was sealed under one that did not let go may be what ended it. */
export function takenBy(record: SinkRecord, owner: string): SinkRecord {
  const seals = record.isReleased ? record.seals : record.seals.map((seal) => ({ ...seal, deaths: seal.deaths + 1 }))
  return { ...record, seals, owner, fence: record.fence + 1, beat: record.beat + 1, isReleased: false }
}

export function positionOf({ place, index }: Spot): Position {
  return { offset: place.records, index }
}

export function sealOf(stored: StoredSeal): Seal {
  return { ...stored, from: positionOf(stored.from), to: positionOf(stored.to) }
}

/** Adds a seal behind the last one, or behind the cursor; a repeat finds the one that is there. */
export function withSeal(record: SinkRecord, sink: string, draft: Draft): { record: SinkRecord; seal: StoredSeal } {
  const last = record.seals.at(-1)
  if (last && isSame(last, draft)) return { record, seal: last }
  const begin = last?.to ?? record.cursor
  if (compare(draft.from, begin) !== 0)
    throw new Error(`A block of ${sink} must begin at ${show(begin)}, not at ${show(draft.from)}.`)
  if (compare(draft.to, draft.from) <= 0)
    throw new Error(`A block of ${sink} must end behind ${show(draft.from)}, not at ${show(draft.to)}.`)
  const seal = { ...draft, id: record.lastId + 1, deaths: 0 }
  return { record: { ...record, lastId: seal.id, seals: [...record.seals, seal] }, seal }
}

/** Makes one seal two at a place within it; a repeat finds them. */
export function withSplit(
  record: SinkRecord,
  sink: string,
  seal: Seal,
  at: Spot,
  [left, right]: readonly [string, string],
): { record: SinkRecord; halves: readonly [StoredSeal, StoredSeal] } {
  const i = record.seals.findIndex(({ id }) => id === seal.id)
  const whole = record.seals[i]
  if (!whole) {
    const first = record.seals.findIndex(({ from, to, token }) => {
      return token === left && isAt(from, seal.from) && compare(to, at) === 0
    })
    const [one, other] = record.seals.slice(first, first + 2)
    if (first >= 0 && one && other?.token === right && isAt(other.to, seal.to)) return { record, halves: [one, other] }
    throw new Error(`Block ${seal.id} of ${sink} is not sealed, so it cannot be split.`)
  }
  if (compare(at, whole.from) <= 0 || compare(at, whole.to) >= 0)
    throw new Error(`A block of ${sink} from ${show(whole.from)} to ${show(whole.to)} cannot be split at ${show(at)}.`)
  const { lastId } = record
  const halves = [
    { ...whole, id: lastId + 1, to: at, token: left },
    { ...whole, id: lastId + 2, from: at, token: right },
  ] as const
  return { record: { ...record, lastId: lastId + 2, seals: record.seals.toSpliced(i, 1, ...halves) }, halves }
}

/** Moves the cursor over the oldest seal; undefined where that has happened already. */
export function withSettled(record: SinkRecord, sink: string, seal: Seal): SinkRecord | undefined {
  const [oldest, ...seals] = record.seals
  const isSealed = record.seals.some(({ id }) => id === seal.id)
  if (!isSealed && comparePositions(positionOf(record.cursor), seal.to) >= 0) return undefined
  if (oldest?.id !== seal.id || compare(oldest.from, record.cursor) !== 0)
    throw new Error(`Block ${seal.id} of ${sink} is not the oldest sealed one, so it cannot be settled yet.`)
  return { ...record, cursor: oldest.to, seals }
}

/** Moves the cursor without delivery and drops the seals before it; undefined where it is there already. */
export function withEvicted(record: SinkRecord, sink: string, to: Spot, records: number): SinkRecord | undefined {
  if (compare(record.cursor, to) >= 0) return undefined
  const halved = record.seals.find((seal) => compare(seal.from, to) < 0 && compare(seal.to, to) > 0)
  if (halved) throw new Error(`Records of ${sink} cannot be given up to the middle of its block ${halved.id}.`)
  const seals = record.seals.filter((seal) => compare(seal.to, to) > 0)
  return { ...record, cursor: to, seals, evicted: record.evicted + records }
}

const compare = (a: Spot, b: Spot) => comparePositions(positionOf(a), positionOf(b))
const isAt = (spot: Spot, position: Position) => comparePositions(positionOf(spot), position) === 0

function isSame(seal: StoredSeal, draft: Draft): boolean {
  const { token, shape, from, to } = seal
  return (
    token === draft.token && shape === draft.shape && compare(from, draft.from) === 0 && compare(to, draft.to) === 0
  )
}

const show = ({ place, index }: Spot) => `${place.records}+${index}`
