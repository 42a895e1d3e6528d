import type { Look, Place } from './look.ts'

/** A place with its pace, which is not known before the second look. */
export interface PacedPlace extends Place {
  readonly recordsPerSecond: number | undefined
}

/** What all shards of a sink come to. */
export interface PacedSink {
  readonly sink: string
  readonly shards: readonly PacedPlace[]
  readonly state: Place['state']
  readonly recordsPerSecond: number | undefined
  readonly lagRecords: number
  readonly lagSeconds: number
  readonly deadLetters: number
  /** Attempts of these pumps that failed and were repeated, since they started. */
  readonly retries: number
  readonly bytesPerSecond: number | undefined
}

export interface Paced {
  readonly look: Look
  readonly sinks: readonly PacedSink[]
  /** Records that the log took. */
  readonly appendedPerSecond: number | undefined
}

/** What is told first: the worst of all shards. */
const worstFirst: readonly Place['state'][] = ['halted', 'retrying', 'orphan', 'running', 'standby', undefined]

/** The second look, with what happened since the first. */
export function paced(before: Look | undefined, look: Look): Paced {
  const seconds = before ? (look.atMs - before.atMs) / 1000 : 0
  /** A counter that fell began anew: how fast it was is not known. */
  const perSecond = (now: number, then: number | undefined) =>
    then === undefined || seconds <= 0 || now < then ? undefined : (now - then) / seconds
  const earlier = new Map(before?.places.map((place) => [keyOf(place), place]))
  const places = look.places.map((place): PacedPlace => {
    return { ...place, recordsPerSecond: perSecond(place.settled, earlier.get(keyOf(place))?.settled) }
  })
  const sinks = [...Map.groupBy(places, ({ sink }) => sink)].map(([sink, ofSink]): PacedSink => {
    const work = look.work.get(sink)
    const sum = (number: (place: Place) => number) => ofSink.reduce((total, place) => total + number(place), 0)
    return {
      sink,
      shards: ofSink,
      state: worstFirst.find((state) => ofSink.some((place) => place.state === state)),
      recordsPerSecond: total(ofSink.map(({ recordsPerSecond }) => recordsPerSecond)),
      lagRecords: sum(({ lagRecords }) => lagRecords),
      lagSeconds: Math.max(...ofSink.map(({ lagSeconds }) => lagSeconds)),
      deadLetters: sum(({ deadLetters }) => deadLetters),
      retries: work?.retries ?? 0,
      bytesPerSecond: perSecond(work?.bytes ?? 0, before ? (before.work.get(sink)?.bytes ?? 0) : undefined),
    }
  })
  return { look, sinks, appendedPerSecond: appendedPerSecond(look, earlier, perSecond) }
}

function keyOf({ sink, shard }: Place): string {
  return `${sink}/${shard}`
}

/** Every sink of a shard counts the same appends: any of them will do. */
function appendedPerSecond(
  { places }: Look,
  earlier: ReadonlyMap<string, Place>,
  perSecond: (now: number, then: number | undefined) => number | undefined,
): number | undefined {
  const shards = [...Map.groupBy(places, ({ shard }) => shard).values()]
  return total(
    shards.map((ofShard) =>
      ofShard
        .map((place) => perSecond(place.appended, earlier.get(keyOf(place))?.appended))
        .find((pace) => pace !== undefined),
    ),
  )
}

/** The sum of what is known; undefined where nothing is. */
function total(paces: readonly (number | undefined)[]): number | undefined {
  const known = paces.filter((pace) => pace !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, pace) => sum + pace, 0)
}
