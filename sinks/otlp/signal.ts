import type { RequestRecord } from '../../record/fields.ts'

/** What OTLP calls the kinds of telemetry, as they stand in its addresses. */
export type SignalName = 'logs' | 'traces' | 'metrics'

/** One request to a receiver. */
export interface Export {
  readonly body: Uint8Array
  /** Log records, spans or data points in it. */
  readonly items: number
  /** What they are made of: taken when the request is. */
  readonly records: readonly RequestRecord[]
}

export interface ExportLimits {
  readonly maxItems: number
  readonly maxBytes: number
}

/** Cuts items into requests, each laid out when it is asked for. A single item that is larger than allowed goes alone. */
export function* cut<T>(
  items: readonly T[],
  { maxItems, maxBytes }: ExportLimits,
  serialize: (items: readonly T[]) => Uint8Array,
): Generator<{ readonly items: readonly T[]; readonly body: Uint8Array }> {
  for (let from = 0; from < items.length; from += maxItems)
    yield* halve(items.slice(from, from + maxItems), maxBytes, serialize)
}

function* halve<T>(
  items: readonly T[],
  maxBytes: number,
  serialize: (items: readonly T[]) => Uint8Array,
): Generator<{ readonly items: readonly T[]; readonly body: Uint8Array }> {
  const body = serialize(items)
  if (body.length <= maxBytes || items.length === 1) return yield { items, body }
  const middle = items.length >> 1
  yield* halve(items.slice(0, middle), maxBytes, serialize)
  yield* halve(items.slice(middle), maxBytes, serialize)
}
