import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { exception, type Statement } from './statement.ts'

/** Parameters of the HTTP interface itself; all others are settings of the statement. */
const ofTheInterface = new Set(
  'query query_id database default_format user password session_id session_timeout session_check role quota_key stacktrace wait_end_of_query buffer_size compress decompress enable_http_compression http_zlib_compression_level http_headers_progress_interval_ms send_progress_in_http_headers http_response_buffer_size'.split(
    ' ',
  ),
)

export interface QueryRequest {
  statement: Statement
  queryId: string | undefined
  /** The whole result is computed before the answer starts: every error becomes a status code. */
  waitsForEnd: boolean
  acceptsGzip: boolean
}

/** Reads a request as ClickHouse's HTTP interface does: the query in the address, the body, or a multipart form. */
export async function readQuery(request: IncomingMessage, url: URL): Promise<QueryRequest> {
  const body = await decodedBody(request)
  const parameters = Object.fromEntries(url.searchParams)
  const form = await multipart(request, body)
  const { query } = parameters
  const all = { ...parameters, ...form }
  const sql = query ?? form?.query ?? body.toString()
  const database = parameters.database ?? header(request, 'x-clickhouse-database')
  const settings = Object.entries(all).filter(([name]) => !ofTheInterface.has(name))
  if (request.method === 'GET') settings.push(['readonly', '2']) // a server lets GET change nothing
  return {
    statement: {
      sql,
      format: parameters.default_format ?? header(request, 'x-clickhouse-format') ?? 'TabSeparated',
      settings: Object.fromEntries(settings),
      ...(database ? { database } : {}),
      ...(query !== undefined && request.method === 'POST' && !form ? { data: body } : {}),
    },
    queryId: parameters.query_id,
    waitsForEnd: parameters.wait_end_of_query === '1',
    acceptsGzip:
      parameters.enable_http_compression === '1' && /\bgzip\b/.test(header(request, 'accept-encoding') ?? ''),
  }
}

export interface Credentials {
  user: string
  password: string
}

export function credentialsOf(request: IncomingMessage, url: URL): Credentials {
  const [kind, encoded] = (request.headers.authorization ?? '').split(' ')
  const basic = kind === 'Basic' && encoded ? Buffer.from(encoded, 'base64').toString().split(':') : undefined
  return {
    user: header(request, 'x-clickhouse-user') ?? basic?.[0] ?? url.searchParams.get('user') ?? 'default',
    password:
      header(request, 'x-clickhouse-key') ?? basic?.slice(1).join(':') ?? url.searchParams.get('password') ?? '',
  }
}

const header = (request: IncomingMessage, name: string) => request.headers[name]?.toString()

const decoders: Record<string, (bytes: Buffer) => Promise<Buffer>> = {
  gzip: promisify<Buffer, Buffer>(gunzip),
  deflate: promisify<Buffer, Buffer>(inflate),
  br: promisify<Buffer, Buffer>(brotliDecompress),
  zstd: promisify<Buffer, Buffer>(zstdDecompress),
}

async function decodedBody(request: IncomingMessage): Promise<Buffer> {
  const body = await buffer(request)
  const encoding = header(request, 'content-encoding')
  if (!encoding || encoding === 'identity' || body.length === 0) return body
  const decode = decoders[encoding]
  if (!decode) throw exception(93, 'UNKNOWN_COMPRESSION_METHOD', `Unknown compression method ${encoding}`)
  return decode(body).catch((error) => {
    throw exception(354, 'ZLIB_INFLATE_FAILED', error.message)
  })
}

async function multipart(request: IncomingMessage, body: Buffer): Promise<Record<string, string> | undefined> {
  const type = header(request, 'content-type')
  if (!type?.startsWith('multipart/form-data')) return undefined
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  return Object.fromEntries([...form].map(([name, value]) => [name, String(value)]))
}
