import type { TestContext } from 'node:test'
import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import otlp from '../../sinks/otlp/otlp.ts'
import { type CollectorServer, openCollector, type Received } from '../services/collector.ts'
import type { SinkHarness, SinkPlace } from './delivery.ts'

export interface OtlpPlace extends SinkPlace {
  readonly options: { readonly url: string; readonly headers: Readonly<Record<string, string>> }
  readonly collector: CollectorServer
}

export const apiKey = 'sesame-open'

export async function freshCollector(t: TestContext): Promise<OtlpPlace> {
  const collector = await openCollector()
  t.after(() => collector[Symbol.asyncDispose]())
  return {
    options: { url: collector.url, headers: { 'x-api-key': apiKey } },
    collector,
    stored: async () => toRecords(await collector.received()),
  }
}

export const otlpHarness = { definition: otlp, fresh: freshCollector, secrets: [apiKey] } satisfies SinkHarness

/** OTLP's JSON, as far as our records use it. */
export type AnyValue = {
  readonly stringValue?: string
  readonly intValue?: string
  readonly doubleValue?: number
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] }
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
}

export interface KeyValue {
  readonly key: string
  readonly value: AnyValue
}

export interface LogRecord {
  readonly timeUnixNano?: string
  readonly observedTimeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly body: AnyValue
  readonly eventName: string
  readonly attributes: readonly KeyValue[]
  readonly traceId?: string
  readonly spanId?: string
}

interface ResourceLogs {
  readonly resource: { readonly attributes: readonly KeyValue[] }
  readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[]
}

/** Every log record, with the attributes of its resource beside its own. */
export function toLogRecords(
  received: readonly Received[],
): (LogRecord & { readonly resource: readonly KeyValue[] })[] {
  return received
    .flatMap(({ request }) => (request.resourceLogs ?? []) as readonly ResourceLogs[]) // of the logs
    .flatMap(({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ logRecords }) => logRecords.map((log) => ({ ...log, resource: resource.attributes }))),
    )
}

export function toPlain(value: AnyValue): unknown {
  if (value.kvlistValue) return toObject(value.kvlistValue.values ?? [])
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(toPlain)
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.doubleValue ?? value.stringValue ?? ''
}

export function toObject(pairs: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, toPlain(value)]))
}

const tagPrefix = `${fields.tags.otel}.`

/** The records that the logs tell of: what is left out is empty. */
function toRecords(received: readonly Received[]): RequestRecord[] {
  return toLogRecords(received).map(({ timeUnixNano = '0', traceId = '', spanId = '', attributes, resource }) => {
    const said = toObject([...resource, ...attributes])
    const tags = Object.entries(said).filter(([name]) => name.startsWith(tagPrefix))
    const given: Record<string, unknown> = {
      ts: Number(BigInt(timeUnixNano) / 1000n),
      traceId,
      spanId,
      weight: said[fields.weight.otel] ?? 1,
      tags: Object.fromEntries(tags.map(([name, value]) => [name.slice(tagPrefix.length), value])),
      detail: said[fields.detail.otel] ?? null,
    }
    const fieldOf = (name: FieldName) => (name in given ? given[name] : (said[fields[name].otel] ?? ''))
    return Object.fromEntries(fieldNames.map((name) => [name, fieldOf(name)])) as RequestRecord // every field is named
  })
}
