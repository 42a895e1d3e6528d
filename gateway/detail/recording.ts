import type { ConsumerRecordOptions, RecordOptions } from './options.ts'

/** What is asked to be recorded of a request, by its route or its consumer. */
export interface Recording {
  readonly headers: boolean | ReadonlySet<string>
  readonly requestBody: boolean
  readonly responseBody: boolean
  readonly maxBytes: number
  /** Unix milliseconds. */
  readonly untilMs: number
  /** Nothing is recorded, whoever asks for it. */
  readonly never: boolean
  /** Ids of the only keys that it is for; undefined where it is for all. */
  readonly keys: ReadonlySet<string> | undefined
}

export function toRecording(options: RecordOptions | ConsumerRecordOptions | undefined): Recording | undefined {
  if (options === undefined) return undefined
  const { headers, bodies, maxBytes, until, never } = options
  const keys = 'keys' in options && options.keys.length > 0 ? new Set(options.keys) : undefined
  return {
    headers: typeof headers === 'boolean' ? headers : new Set(headers),
    requestBody: bodies === true || bodies === 'request',
    responseBody: bodies === true || bodies === 'response',
    maxBytes,
    untilMs: until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until),
    never,
    keys,
  }
}

/** What is recorded of a request of this key at this time: all that one of them asks for, unless one forbids it. */
export function merged(
  route: Recording | undefined,
  consumer: Recording | undefined,
  { keyId, nowMs }: { readonly keyId: string; readonly nowMs: number },
): Recording | undefined {
  if (route?.never || consumer?.never) return undefined
  const ofRoute = route && nowMs < route.untilMs ? route : undefined
  const isMeant = consumer && nowMs < consumer.untilMs && (consumer.keys?.has(keyId) ?? true)
  if (!isMeant) return ofRoute
  return ofRoute ? union(ofRoute, consumer) : consumer
}

function union(one: Recording, other: Recording): Recording {
  return {
    ...one,
    headers: unionOfHeaders(one.headers, other.headers),
    requestBody: one.requestBody || other.requestBody,
    responseBody: one.responseBody || other.responseBody,
    maxBytes: Math.max(one.maxBytes, other.maxBytes),
  }
}

function unionOfHeaders(one: Recording['headers'], other: Recording['headers']): Recording['headers'] {
  if (one === true || other === true) return true
  if (one === false) return other
  return other === false ? one : new Set([...one, ...other])
}
