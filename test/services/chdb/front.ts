import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Answer, type Engine, openEngine } from './engine.ts'
import { type Credentials, credentialsOf, type QueryRequest, readQuery } from './request.ts'
import { exception } from './statement.ts'

/** What `clickhouse.ts` passes as the only argument, in JSON. */
export interface FrontOptions {
  /** Where `npm ci` put chdb. */
  installed: string
  folder: string
  port: number
  user: string
  password: string
  settings: Readonly<Record<string, string>>
}

const options = JSON.parse(process.argv[2] ?? '') as FrontOptions // written by clickhouse.ts, of the type above
serve(options)

/** ClickHouse's HTTP interface over the engine. Ends on SIGTERM, or when its stdin does. */
function serve({ installed, folder, port, user, password, settings }: FrontOptions): void {
  const engine = openEngine(installed, folder, settings)
  const server = createServer((request, response) => {
    answer(request, response, engine, { user, password }).catch((error: unknown) => refuse(response, error))
  })
  server.keepAliveTimeout = 10_000 // ClickHouse's default keep_alive_timeout
  server.listen(port, '127.0.0.1')
  const end = () => {
    server.close()
    server.closeAllConnections()
    engine.close()
    process.exit(0)
  }
  process.once('SIGTERM', end)
  process.stdin.once('end', end).resume()
}

async function answer(request: IncomingMessage, response: ServerResponse, engine: Engine, allowed: Credentials) {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/ping') return void response.end('Ok.\n')
  if (url.pathname !== '/') return void response.writeHead(404).end(`There is no handle ${url.pathname}\n`)
  checkCredentials(credentialsOf(request, url), allowed)
  const query = await readQuery(request, url)
  const result = await engine.run(query.statement)
  await send(response, query, query.waitsForEnd ? await collected(result) : result)
}

function checkCredentials(given: Credentials, allowed: Credentials): void {
  if (given.user === allowed.user && given.password === allowed.password) return
  const message = `${given.user}: Authentication failed: password is incorrect, or there is no user with such name.`
  throw exception(516, 'AUTHENTICATION_FAILED', message)
}

async function collected({ chunks, summary }: Answer): Promise<Answer> {
  const bytes = await buffer(Readable.from(chunks))
  return { chunks: Readable.from(bytes.length > 0 ? [bytes] : []), summary }
}

async function send(response: ServerResponse, { queryId, acceptsGzip }: QueryRequest, { chunks, summary }: Answer) {
  const tag = randomBytes(8).toString('hex')
  response.writeHead(200, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Server-Display-Name': 'penstock-test',
    'X-ClickHouse-Query-Id': queryId ?? randomUUID(),
    'X-ClickHouse-Timezone': 'UTC',
    'X-ClickHouse-Exception-Tag': tag,
    'X-ClickHouse-Summary': JSON.stringify(summaryOf(summary)),
    ...(acceptsGzip ? { 'Content-Encoding': 'gzip' } : {}),
  })
  const encoding = acceptsGzip ? createGzip() : new PassThrough()
  await pipeline(Readable.from(endingWithException(chunks, tag)), encoding, response).catch(() => {}) // the client went away
}

const counts = 'read_rows read_bytes written_rows written_bytes total_rows_to_read result_rows result_bytes elapsed_ns'

const summaryOf = (summary: Answer['summary']) =>
  Object.fromEntries(counts.split(' ').map((name) => [name, String(summary[name] ?? 0)]))

/*
  An error after the head was sent, at the end of the body

    \r\n __exception__ \r\n tag \n message \n length of message and its \n, space, tag \r\n __exception__ \r\n
*/
function endingWithException(chunks: AsyncIterable<Buffer>, tag: string): AsyncIterable<Buffer> {
  const source = chunks[Symbol.asyncIterator]()
  const next = () =>
    source.next().catch((error: Error) => {
      source.next = async () => ({ done: true, value: undefined })
      const message = `${error.message}\n`
      const marked = `\r\n__exception__\r\n${tag}\n${message}${Buffer.byteLength(message)} ${tag}\r\n__exception__\r\n`
      return { done: false, value: Buffer.from(marked) }
    })
  const end = async () => (await source.return?.()) ?? { done: true as const, value: undefined }
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) }
}

/** Which status a server gives to an error's code; the others are 500. */
const statuses: Record<string, number> = {
  26: 400, // CANNOT_PARSE_QUOTED_STRING
  27: 400, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  38: 400, // CANNOT_PARSE_DATE
  41: 400, // CANNOT_PARSE_DATETIME
  43: 400, // ILLEGAL_TYPE_OF_ARGUMENT
  46: 404, // UNKNOWN_FUNCTION
  47: 404, // UNKNOWN_IDENTIFIER
  53: 400, // TYPE_MISMATCH
  57: 400, // TABLE_ALREADY_EXISTS
  60: 404, // UNKNOWN_TABLE
  62: 400, // SYNTAX_ERROR
  72: 400, // CANNOT_PARSE_NUMBER
  73: 404, // UNKNOWN_FORMAT
  81: 404, // UNKNOWN_DATABASE
  115: 404, // UNKNOWN_SETTING
  117: 400, // INCORRECT_DATA
  159: 408, // TIMEOUT_EXCEEDED
  497: 403, // ACCESS_DENIED
  516: 403, // AUTHENTICATION_FAILED
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const { message } = error instanceof Error ? error : new Error(String(error))
  const code = /Code: (\d+)/.exec(message)?.[1] ?? '1002' // UNKNOWN_EXCEPTION
  const text = message.includes('Code: ') ? message : `Code: ${code}. DB::Exception: ${message} (UNKNOWN_EXCEPTION)`
  response.writeHead(statuses[code] ?? 500, { 'X-ClickHouse-Exception-Code': code }).end(`${text}\n`)
}
