import { type SpanContext, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { RequestRecord } from '../../record/fields.ts'
import { isFailed } from '../../record/outcome.ts'
import { toAttributes, toHrTime, toSpanContext } from './attributes.ts'
import { type ResourceOf, scope } from './resource.ts'
import { cut, type Export, type ExportLimits } from './signal.ts'

/** The gateway's server span of each record, under the ids that the upstream was given. A record without them has none. */
export function* exportSpans(
  records: readonly RequestRecord[],
  { resourceOf, limits }: { readonly resourceOf: ResourceOf; readonly limits: ExportLimits },
): Generator<Export> {
  const told = records.flatMap((record) => {
    const context = toSpanContext(record, TraceFlags.SAMPLED)
    return context ? [{ record, context }] : []
  })
  const serialize = (some: readonly (typeof told)[number][]) =>
    serialized(some.map(({ record, context }) => toSpan(record, context, resourceOf)))
  for (const { items, body } of cut(told, limits, serialize))
    yield { body, items: items.length, records: items.map(({ record }) => record) }
}

function serialized(spans: ReadableSpan[]): Uint8Array {
  return ProtobufTraceSerializer.serializeRequest(spans)! // undefined is for formats that may fail
}

function toSpan(record: RequestRecord, context: SpanContext, resourceOf: ResourceOf): ReadableSpan {
  const { ts, totalUs, method, route } = record
  return {
    name: route === '' ? method : `${method} ${route}`,
    kind: SpanKind.SERVER,
    spanContext: () => context,
    startTime: toHrTime(ts),
    endTime: toHrTime(ts + totalUs),
    duration: toHrTime(totalUs),
    ended: true,
    status: { code: isFailed(record) ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: toAttributes(record),
    links: [],
    events: [],
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    resource: resourceOf(record),
    instrumentationScope: scope,
  }
}
