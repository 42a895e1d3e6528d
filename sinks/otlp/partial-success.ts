import {
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer'
import { HaltError } from '../sink.ts'
import type { Answer } from './failure.ts'
import type { SignalName } from './signal.ts'

/** What of a request that it took the receiver did not take. */
export interface PartialSuccess {
  /** Log records, spans or data points. */
  readonly rejected: number
  readonly message: string
}

interface Response {
  readonly partialSuccess?: { readonly errorMessage?: string }
}

const serializers = {
  logs: ProtobufLogsSerializer,
  traces: ProtobufTraceSerializer,
  metrics: ProtobufMetricsSerializer,
} satisfies Record<SignalName, unknown>

const counts = { logs: 'rejectedLogRecords', traces: 'rejectedSpans', metrics: 'rejectedDataPoints' } as const

/** Reads a receiver's answer, in protobuf as it must be or in JSON as some give it. Throws HaltError where it is none. */
export function partialSuccess(name: SignalName, answer: Answer): PartialSuccess {
  const { partialSuccess = {} } = toResponse(name, answer)
  const rejected = (partialSuccess as Readonly<Record<string, unknown>>)[counts[name]] // named differently in each signal
  return { rejected: Number(rejected ?? 0), message: partialSuccess.errorMessage ?? '' }
}

function toResponse(name: SignalName, { headers, body }: Answer): Response {
  if (body.length === 0) return {}
  const type = String(headers['content-type'])
  try {
    if (type.includes('json')) return JSON.parse(Buffer.from(body).toString()) as Response // the fields that it may have are looked up by name
    if (type.includes('protobuf')) return serializers[name].deserializeResponse(body)
  } catch (error) {
    throw new HaltError('Something else than a receiver of OTLP answers at this address: check url and endpoints.', {
      cause: error,
    })
  }
  throw new HaltError(
    `Something else than a receiver of OTLP answers at this address, with ${type}: check url and endpoints.`,
  )
}
