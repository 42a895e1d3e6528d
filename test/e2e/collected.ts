import type { Places } from './config.ts'
import { type Held, toHeld } from './held-record.ts'

/*
  What the collector was sent, in OTLP's JSON

    { resourceLogs:    [{ scopeLogs:    [{ logRecords: [{ attributes: [{ key, value }] }] }] }] }
    { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name, sum: { dataPoints: [{ attributes, asDouble }] } }] }] }] }
*/
interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: string | number }
}

interface LogsRequest {
  readonly resourceLogs?: readonly {
    readonly scopeLogs: readonly { readonly logRecords: readonly { readonly attributes: readonly Attribute[] }[] }[]
  }[]
}

interface MetricsRequest {
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[] }[]
}

interface Metric {
  readonly name: string
  readonly sum?: { readonly dataPoints: readonly { readonly attributes: readonly Attribute[]; asDouble: number }[] }
}

/** The records of every request for logs, in the order of their coming: a block is one. */
export async function collectedLogs({ collector }: Places): Promise<readonly (readonly Held[])[]> {
  const requests = (await collector.received()).filter(({ signal }) => signal === 'logs')
  return requests.map(({ request }) => {
    const { resourceLogs = [] } = request as LogsRequest // as OTLP says
    const records = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
    return records.map(({ attributes }) => fromAttributes(attributes))
  })
}

function fromAttributes(attributes: readonly Attribute[]): Held {
  const values = toMap(attributes)
  const fields = {
    id: values.get('penstock.record.id'),
    method: values.get('http.request.method'),
    status: values.get('http.response.status_code'),
    path: values.get('url.path'),
    clientIp: values.get('client.address'),
    bytesOut: values.get('http.response.body.size'),
    consumer: values.get('penstock.consumer'),
  }
  return toHeld(fields, { attempt: values.get('penstock.tags.attempt') })
}

/** One delta of a sum, with what it is about. */
export interface CollectedPoint {
  readonly attributes: ReadonlyMap<string, string>
  readonly value: number
}

export async function collectedSums({ collector }: Places, metric: string): Promise<readonly CollectedPoint[]> {
  const requests = (await collector.received()).filter(({ signal }) => signal === 'metrics')
  return requests.flatMap(({ request }) => {
    const { resourceMetrics = [] } = request as MetricsRequest // as OTLP says
    const metrics = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    const points = metrics.filter(({ name }) => name === metric).flatMap(({ sum }) => sum?.dataPoints ?? [])
    return points.map(({ attributes, asDouble }) => ({ attributes: toMap(attributes), value: asDouble }))
  })
}

function toMap(attributes: readonly Attribute[]): ReadonlyMap<string, string> {
  return new Map(attributes.map(({ key, value }) => [key, String(value.stringValue ?? value.intValue ?? '')]))
}
