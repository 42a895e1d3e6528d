/** A place between two frames of a shard: where Kafka has what comes next, and how much lies before it since the log began. */
export interface Place {
  readonly offset: number
  readonly records: number
  readonly frames: number
  readonly bytes: number
}

export const firstPlace: Place = { offset: 0, records: 0, frames: 0, bytes: 0 }

/** 50,000: 25 million records in full frames, in 4 MB; beyond, every other one of the older half is forgotten. */
const mostPlaces = 50_000

/**
 * Places that were met while reading, in order. Kafka knows how many messages lie before an offset, not how many records: so a place
 * is found from the nearest one that is known by reading on.
 */
export class Places {
  readonly #most: number
  #places: Place[] = []

  constructor(most = mostPlaces) {
    this.#most = most
  }

  add(place: Place): void {
    const i = this.#behind('records', place.records)
    const before = this.#places[i - 1]
    if (before?.records === place.records) {
      if (place.offset > before.offset) this.#places[i - 1] = place // further on, behind the marks of transactions
      return
    }
    this.#places.splice(i, 0, place)
    if (this.#places.length > this.#most)
      this.#places = this.#places.filter((_, j) => j > this.#most / 2 || j % 2 === 0)
  }

  /** Where what Kafka still has begins. */
  get first(): Place {
    return this.#places[0] ?? firstPlace
  }

  /** The furthest that is known. */
  get last(): Place {
    return this.#places.at(-1) ?? firstPlace
  }

  /** The last one that is known with at most so many records before it. */
  atRecords(records: number): Place | undefined {
    return this.#places[this.#behind('records', records) - 1]
  }

  /** The last one that is known at an offset or before. */
  atOffset(offset: number): Place | undefined {
    return this.#places[this.#behind('offset', offset) - 1]
  }

  /** Forgets what lies before, since Kafka does not have it any more. */
  dropBefore(place: Place): void {
    this.#places = this.#places.slice(this.#behind('records', place.records - 1))
    this.add(place)
  }

  /** Index of the first place whose number is larger. */
  #behind(by: 'records' | 'offset', value: number): number {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#places[middle]![by] > value)
        high = middle // within the list
      else low = middle + 1
    }
    return low
  }
}
