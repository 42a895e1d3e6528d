/** A sink's state of a shard's retries stands beside the shard's own, under keys that begin so. */
const retriesPrefix = 'retries/'

type State = ReadonlyMap<string, Uint8Array>

/** Name of the pseudo-shard that a shard's dead letters are delivered from: sinks that keep something for each shard keep it apart. */
export function retriesOf(shard: string): string {
  return `${shard}/retries`
}

/** What of a reader's state is about the shard itself. */
export function ownState(state: State): State {
  return new Map([...state].filter(([key]) => !key.startsWith(retriesPrefix)))
}

/** What of a reader's state is about its retries, as the sink saved it. */
export function retriesState(state: State): State {
  return new Map(
    [...state].flatMap(([key, value]) =>
      key.startsWith(retriesPrefix) ? [[key.slice(retriesPrefix.length), value]] : [],
    ),
  )
}

/** As the reader is to keep what the sink saved about its retries. */
export function toRetriesState(state: State): State {
  return new Map([...state].map(([key, value]) => [`${retriesPrefix}${key}`, value]))
}
