import { hash } from 'node:crypto'
import type { RequestRecord } from '../../record/fields.ts'
import { statusClass } from '../../record/outcome.ts'
import { aRecord } from '../../record/sample.ts'

/** One start of a producer, as its records name it. */
export interface Life {
  /** Another one for each start of each producer of a run. */
  readonly number: number
  /** When it began, Unix milliseconds; the time within its records' ids goes on from here. */
  readonly startMs: number
}

/** A record's place in a run: what its path says. */
export interface RecordPlace {
  readonly life: number
  readonly n: number
}

const endpoints = 8
const consumers = 5 // with the endpoints few enough for the MongoDB-compatible server, which reads every usage document for each one it changes
const statuses = [200, 200, 200, 200, 200, 200, 200, 200, 201, 304, 404, 429, 500]

/** The n-th record that a producer makes in a life. Everything that a sink sums up follows from its place alone. */
export function nthRecord(life: Life, n: number, overrides: Partial<RequestRecord> = {}): RequestRecord {
  const path = pathOf({ life: life.number, n })
  return aRecord({
    id: idOf(life, path, n),
    path,
    route: routeOf(n),
    status: statusOf(n),
    consumer: `consumer-${spread(n, 3) % consumers}`,
    totalUs: 800 + (spread(n, 5) % 60_000),
    ...overrides,
  })
}

/** What no backend with a column for it takes: 16 bits hold no such status. */
export const poisonStatus = 70_000

/** Endpoint and status class of the n-th record, as the prometheus sink labels it. */
export function seriesOf(n: number): string {
  return `${routeOf(n)} ${statusClass(statusOf(n))}`
}

function pathOf({ life, n }: RecordPlace): string {
  return `/chaos/${life}/${n}`
}

/** Undefined for a path that no producer of ours made. */
export function placeOf(path: string): RecordPlace | undefined {
  const [, life, n] = /^\/chaos\/(\d+)\/(\d+)$/.exec(path) ?? []
  return life === undefined ? undefined : { life: Number(life), n: Number(n) }
}

/** A UUIDv7 whose random part is a hash of the path: whoever holds a record can be asked whether its id and its content belong together. */
export function idOf({ startMs }: Life, path: string, n: number): string {
  const time = (startMs + Math.floor(n / 5)).toString(16).padStart(12, '0')
  const digits = hash('sha1', path)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits.slice(0, 3)}-8${digits.slice(3, 6)}-${digits.slice(6, 18)}`
}

const routeOf = (n: number) => `/chaos/${spread(n, 1) % endpoints}/{id}`
const statusOf = (n: number) => statuses[spread(n, 2) % statuses.length] ?? 200

/** Multiplicative hashing: neighbours differ, and every run is alike. */
function spread(n: number, salt: number): number {
  return (Math.imul(n + 1, 2_654_435_761) + Math.imul(salt, 40_503)) >>> 7
}
