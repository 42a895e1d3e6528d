import * as z from 'zod'
import { outcomes } from './outcome.ts'

/** What a field is to everything that is derived from it. */
interface FieldDefinition<T extends z.ZodType> {
  /** Validates the value where it enters from outside. */
  readonly type: T
  /** One line, with the unit. */
  readonly doc: string
  /** Column type in ClickHouse. */
  readonly clickhouse: string
  /** Name in OpenTelemetry's semantic conventions, or under `penstock.` where they have none. */
  readonly otel: string
  /** Stands in a frame that was written before the field existed, and for a request that has no such value. */
  readonly empty: z.output<T>
  /** Says something about a person: truncated, pseudonymised or erased by policy. */
  readonly personal?: true
  /** Hardly two records of a frame have the same text: it is not looked for among those that they share. */
  readonly unique?: true
}

function field<T extends z.ZodType>(definition: FieldDefinition<T>): FieldDefinition<T> {
  return definition
}

const text = z.string()
const micros = z.int().nonnegative()
const bytes = z.int().nonnegative()
const lowText = 'LowCardinality(String)'

/**
 * Headers and bodies of one request, where a policy asked for them. Redacted in the gateway and capped in size before the
 * ring. Header names are in lower case, several values of one name are joined; a body is text, decoded, and where it is
 * among `truncated` it is only the beginning, so that JSON may not be valid. Of events (SSE) and upgrades there is none.
 */
export const detailType = z.strictObject({
  requestHeaders: z.record(z.string(), z.string()).optional(),
  requestBody: z.string().optional(),
  responseHeaders: z.record(z.string(), z.string()).optional(),
  responseBody: z.string().optional(),
  /** Names of the parts of which only the beginning is here. */
  truncated: z.array(z.string()).optional(),
  /** What is here in place of a part that is left out, by the part’s name, such as `image/png, 1234 bytes`. */
  omitted: z.record(z.string(), z.string()).optional(),
})

/**
 * Every field of a record, declared once. Type, validation, codec, DDL, docs and OTLP names follow from here.
 * The order is the order on the wire: a new field goes to the end.
 */
export const fields = {
  id: field({
    type: z.uuid(),
    doc: 'Identity of the record, a UUIDv7 made by the gateway',
    clickhouse: 'UUID',
    otel: 'penstock.record.id',
    empty: '',
    unique: true,
  }),
  weight: field({
    type: z.number().min(1),
    doc: 'How many requests the record stands for: 1 unless sampled',
    clickhouse: 'Float64',
    otel: 'penstock.weight',
    empty: 1,
  }),
  ts: field({
    type: z.int().nonnegative(),
    doc: 'Start of the request by the gateway’s clock, Unix microseconds',
    clickhouse: "DateTime64(6, 'UTC')",
    otel: 'penstock.ts',
    empty: 0,
  }),
  org: field({ type: text.min(1), doc: 'Tenant', clickhouse: lowText, otel: 'penstock.org', empty: 'default' }),
  gateway: field({
    type: text,
    doc: 'Gateway instance that served the request',
    clickhouse: lowText,
    otel: 'service.instance.id',
    empty: '',
  }),
  region: field({
    type: text,
    doc: 'Region of the gateway instance',
    clickhouse: lowText,
    otel: 'cloud.region',
    empty: '',
  }),
  api: field({
    type: text,
    doc: 'API that the route belongs to; empty where none matched',
    clickhouse: lowText,
    otel: 'penstock.api.name',
    empty: '',
  }),
  apiVersion: field({
    type: text,
    doc: 'Version of the API',
    clickhouse: lowText,
    otel: 'penstock.api.version',
    empty: '',
  }),
  route: field({
    type: text,
    doc: 'Path template of the route, never the raw path; empty where none matched',
    clickhouse: lowText,
    otel: 'http.route',
    empty: '',
  }),
  endpoint: field({
    type: text,
    doc: 'Method and path template, such as `GET /orders/{id}`; `{unmatched}` where no route matched',
    clickhouse: lowText,
    otel: 'penstock.endpoint',
    empty: '{unmatched}',
  }),
  method: field({
    type: text.min(1),
    doc: 'HTTP method, upper case',
    clickhouse: lowText,
    otel: 'http.request.method',
    empty: 'GET',
  }),
  host: field({
    type: text,
    doc: 'Host asked for, lower case, without the port',
    clickhouse: lowText,
    otel: 'server.address',
    empty: '',
  }),
  path: field({
    type: text,
    doc: 'Path asked for, without the query string',
    clickhouse: 'String',
    otel: 'url.path',
    empty: '/',
    unique: true,
  }),
  status: field({
    type: z.int().min(100).max(599),
    doc: 'HTTP status answered; 499 where the client left before the head',
    clickhouse: 'UInt16',
    otel: 'http.response.status_code',
    empty: 500,
  }),
  outcome: field({
    type: z.enum(outcomes),
    doc: 'How the request ended',
    clickhouse: lowText,
    otel: 'penstock.outcome',
    empty: 'gateway_error',
  }),
  consumer: field({
    type: text,
    doc: 'Owner of the API key; empty where there was none',
    clickhouse: lowText,
    otel: 'penstock.consumer',
    empty: '',
    personal: true,
  }),
  team: field({
    type: text,
    doc: 'Team of the consumer; the consumer itself where it has none',
    clickhouse: lowText,
    otel: 'penstock.team',
    empty: '',
  }),
  keyId: field({
    type: text,
    doc: 'Identifier of the API key, never the key',
    clickhouse: lowText,
    otel: 'penstock.key.id',
    empty: '',
  }),
  plan: field({ type: text, doc: 'Plan of the consumer', clickhouse: lowText, otel: 'penstock.plan', empty: '' }),
  useCase: field({
    type: text,
    doc: 'Use case that the route serves; the endpoint where it names none',
    clickhouse: lowText,
    otel: 'penstock.use_case',
    empty: '',
  }),
  totalUs: field({
    type: micros,
    doc: 'From the request’s head to the answer’s last byte, microseconds',
    clickhouse: 'UInt64',
    otel: 'penstock.duration.total_us',
    empty: 0,
  }),
  gatewayUs: field({
    type: micros,
    doc: 'Spent in the gateway itself, microseconds: total less waiting for upstream and bodies',
    clickhouse: 'UInt64',
    otel: 'penstock.duration.gateway_us',
    empty: 0,
  }),
  upstreamUs: field({
    type: micros,
    doc: 'From sending to the upstream’s first byte, microseconds; 0 where none was asked',
    clickhouse: 'UInt64',
    otel: 'penstock.duration.upstream_us',
    empty: 0,
  }),
  bytesIn: field({
    type: bytes,
    doc: 'Body bytes received from the client',
    clickhouse: 'UInt64',
    otel: 'http.request.body.size',
    empty: 0,
  }),
  bytesOut: field({
    type: bytes,
    doc: 'Body bytes sent to the client',
    clickhouse: 'UInt64',
    otel: 'http.response.body.size',
    empty: 0,
  }),
  clientIp: field({
    type: text,
    doc: 'Address of the client, from X-Forwarded-For behind trusted proxies',
    clickhouse: 'String',
    otel: 'client.address',
    empty: '',
    personal: true,
    unique: true,
  }),
  userAgent: field({
    type: text,
    doc: 'User-Agent header',
    clickhouse: 'String',
    otel: 'user_agent.original',
    empty: '',
    personal: true,
  }),
  referer: field({
    type: text,
    doc: 'Referer header, without its query string',
    clickhouse: 'String',
    otel: 'penstock.http.referer',
    empty: '',
    personal: true,
  }),
  country: field({
    type: text,
    doc: 'Country of the client, ISO 3166-1 alpha-2, where a GeoIP file is given',
    clickhouse: lowText,
    otel: 'geo.country.iso_code',
    empty: '',
  }),
  upstream: field({
    type: text,
    doc: 'Upstream target that answered or was tried last; empty where none was asked',
    clickhouse: lowText,
    otel: 'penstock.upstream',
    empty: '',
  }),
  tries: field({
    type: z.int().nonnegative(),
    doc: 'How many times an upstream was asked',
    clickhouse: 'UInt8',
    otel: 'penstock.upstream.tries',
    empty: 0,
  }),
  cache: field({
    type: z.enum(['', 'hit', 'miss', 'bypass']),
    doc: 'What the response cache did; empty where the route has none',
    clickhouse: lowText,
    otel: 'penstock.cache',
    empty: '',
  }),
  variant: field({
    type: text,
    doc: 'Canary arm; empty where there is none',
    clickhouse: lowText,
    otel: 'penstock.variant',
    empty: '',
  }),
  traceId: field({
    type: text,
    doc: 'W3C trace id, 32 hex digits',
    clickhouse: 'String',
    otel: 'penstock.trace_id',
    empty: '',
    unique: true,
  }),
  spanId: field({
    type: text,
    doc: 'Span id of the gateway’s server span, 16 hex digits',
    clickhouse: 'String',
    otel: 'penstock.span_id',
    empty: '',
    unique: true,
  }),
  tags: field({
    type: z.record(z.string(), z.string()),
    doc: 'Values that the config picks from headers, query or claims',
    clickhouse: 'Map(LowCardinality(String), String)',
    otel: 'penstock.tags',
    empty: {},
  }),
  detail: field({
    type: detailType.nullable(),
    doc: 'Headers and bodies where a policy asked for them, as JSON; null otherwise',
    clickhouse: 'String',
    otel: 'penstock.detail',
    empty: null,
    personal: true,
  }),
}

export type FieldName = keyof typeof fields

/** What one request leaves behind. Immutable: it is shared by every sink. */
export type RequestRecord = { readonly [K in FieldName]: z.output<(typeof fields)[K]['type']> }

export type Detail = z.output<typeof detailType>

export const fieldNames = Object.keys(fields) as FieldName[] // Object.keys loses the key type

type Shape = { readonly [K in FieldName]: (typeof fields)[K]['type'] }
const shape = Object.fromEntries(fieldNames.map((name) => [name, fields[name].type])) as Shape // fromEntries loses the pairing

/** Validates a record that came from outside (a file, a peer's queue); the gateway's own are made well. */
export const recordType = z.strictObject(shape)
