import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import { fields, type RequestRecord } from '../../record/fields.ts'
import { isFailed } from '../../record/outcome.ts'
import { toAttributes, toHrTime, toSpanContext } from './attributes.ts'
import { type ResourceOf, scope } from './resource.ts'
import { cut, type Export, type ExportLimits } from './signal.ts'

interface LogOptions {
  readonly resourceOf: ResourceOf
  readonly limits: ExportLimits
  /** When the log took the records, Unix milliseconds. */
  readonly observedAtMs: number
}

/** A log record for each record. */
export function* exportLogs(
  records: readonly RequestRecord[],
  { resourceOf, limits, observedAtMs }: LogOptions,
): Generator<Export> {
  const hrTimeObserved = toHrTime(observedAtMs * 1000)
  const serialize = (some: readonly RequestRecord[]) =>
    serialized(some.map((record) => ({ ...toLogRecord(record), hrTimeObserved, resource: resourceOf(record) })))
  for (const { items, body } of cut(records, limits, serialize)) yield { body, items: items.length, records: items }
}

function serialized(logs: ReadableLogRecord[]): Uint8Array {
  return ProtobufLogsSerializer.serializeRequest(logs)! // undefined is for formats that may fail
}

function toLogRecord(record: RequestRecord): Omit<ReadableLogRecord, 'hrTimeObserved' | 'resource'> {
  const spanContext = toSpanContext(record, unknownFlags)
  const { detail } = record
  const attributes = toAttributes(record)
  return {
    hrTime: toHrTime(record.ts),
    ...(spanContext ? { spanContext } : {}),
    ...severity(record),
    body: `${record.endpoint} ended as ${record.outcome} with ${record.status} after ${record.totalUs / 1000} ms.`,
    eventName: 'penstock.request',
    attributes: detail ? { ...attributes, [fields.detail.otel]: detail } : attributes,
    droppedAttributesCount: 0,
    instrumentationScope: scope,
  }
}

const unknownFlags = 0 // a record does not say whether the caller sampled

const info = { severityNumber: 9, severityText: 'INFO' } as const
const warn = { severityNumber: 13, severityText: 'WARN' } as const
const error = { severityNumber: 17, severityText: 'ERROR' } as const

/** Our fault is an error, the client's a warning; a client that left is neither. */
function severity(record: RequestRecord): typeof info | typeof warn | typeof error {
  if (isFailed(record)) return error
  return record.outcome === 'ok' || record.outcome === 'client_aborted' ? info : warn
}
