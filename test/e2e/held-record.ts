import type { Call } from './logged-calls.ts'

/** A record as a sink holds it, as far as the judge looks at it. */
export interface Held extends Call {
  readonly id: string
  /** The tag that names the request; empty where it has none. */
  readonly attempt: string
  readonly bytesOut: number
  readonly consumer: string
}

type Fields = Readonly<Record<string, unknown>>

/** Takes from a record, as a sink gave it under the record's own field names, what the judge looks at. */
export function toHeld({ id, method, status, path, clientIp, bytesOut, consumer }: Fields, tags: Fields): Held {
  return {
    id: String(id),
    method: String(method),
    status: Number(status),
    path: String(path),
    clientIp: String(clientIp),
    attempt: String(tags.attempt ?? ''),
    bytesOut: Number(bytesOut ?? 0),
    consumer: String(consumer ?? ''),
  }
}
