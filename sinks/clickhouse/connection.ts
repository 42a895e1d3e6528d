import { addAbortSignal, Readable } from 'node:stream'
import { rootCertificates } from 'node:tls'
import { RejectedError, RetryableError } from '../sink.ts'
import { type Answer, failureOf, failureToReach } from './failure.ts'
import type { ClickHouseOptions } from './options.ts'

export interface Statement {
  /** Values of `{name:Type}` in the text. */
  readonly parameters?: Readonly<Record<string, string | number>>
  readonly settings?: Readonly<Record<string, string | number>>
  /** Data of an INSERT, in the format that its text names. May throw RejectedError while it is read. */
  readonly rows?: Iterable<Buffer>
}

export interface Connection extends AsyncDisposable {
  /**
   * Resolves to the answer once the server has done all that the statement says. Throws RetryableError, RejectedError
   * or HaltError, and the signal's reason when aborted. Disposing ends what is running with a RetryableError.
   */
  run(sql: string, signal: AbortSignal, statement?: Statement): Promise<string>
}

const answerLength = 1024 * 1024 // our own questions are answered in far less; a proxy's page may be any size

/** Prepares connections to the server; none is made before the first statement. */
export async function openConnection(options: ClickHouseOptions): Promise<Connection> {
  const { ClickHouseLogLevel, createClient } = await import('@clickhouse/client')
  const { origin, pathname } = new URL(options.url)
  const client = createClient({
    url: origin,
    ...(pathname === '/' ? {} : { pathname }),
    database: options.database,
    username: options.username,
    password: options.password,
    application: 'penstock',
    request_timeout: options.timeoutMs,
    compression: { response: false, request: compressions[options.compression] },
    keep_alive: { enabled: true, eagerly_destroy_stale_sockets: true },
    log: { level: ClickHouseLogLevel.OFF }, // it writes to the console; what it would say is in the errors
    clickhouse_settings: { ...options.settings, ...always },
    ...(options.tls ? { tls: toTls(options.tls) } : {}),
  })
  const closed = new AbortController()

  const ask = async (sql: string, signal: AbortSignal, { parameters, settings, rows }: Statement): Promise<Answer> => {
    const answer = await client.exec({
      query: sql,
      ...(parameters ? { query_params: parameters } : {}),
      ...(settings ? { clickhouse_settings: settings } : {}),
      ...(rows ? { values: Readable.from(rows, { objectMode: false }) } : {}),
      abort_signal: signal,
      ignore_error_response: true, // the client's errors lack status and headers, which say whether it was ClickHouse that answered
    })
    const text = await begin(addAbortSignal(signal, answer.stream))
    return { status: answer.http_status_code ?? 0, headers: answer.response_headers, text }
  }

  return {
    async run(sql, signal, statement = {}) {
      signal.throwIfAborted()
      if (closed.signal.aborted) throw new RetryableError('The sink is closed.')
      const either = AbortSignal.any([signal, closed.signal])
      const answer = await ask(sql, either, statement).catch((error: unknown) => {
        signal.throwIfAborted()
        if (error instanceof RejectedError) throw error
        if (closed.signal.aborted) throw new RetryableError('The sink was closed while it wrote.', { cause: error })
        throw failureToReach(error)
      })
      const failure = failureOf(answer)
      if (failure) throw failure
      return answer.text
    },
    async [Symbol.asyncDispose]() {
      closed.abort()
      await client.close()
    },
  }
}

/** Settings that what we promise rests on, whatever the server's or the user's profile says. */
const always = {
  wait_end_of_query: 1, // the status tells of every error, and the answer comes when all is done
  async_insert: 0, // does not combine with deduplication in views
} as const

const compressions = {
  none: false,
  gzip: { codec: 'gzip', level: 1 },
  zstd: { codec: 'zstd', level: 1 }, // a sixth of the size for 0.04 CPU-s per 100,000 records; higher levels gain nothing here
} as const

function toTls({ ca, cert, key }: NonNullable<ClickHouseOptions['tls']>) {
  const ca_cert = Buffer.from(ca ?? rootCertificates.join('\n'))
  return cert && key ? { ca_cert, cert: Buffer.from(cert), key: Buffer.from(key) } : { ca_cert }
}

async function begin(stream: Readable): Promise<string> {
  let text = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) if (text.length < answerLength) text += chunk
  return text
}
