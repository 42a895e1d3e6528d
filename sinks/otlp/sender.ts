import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Agent } from 'undici'
import { RetryableError } from '../sink.ts'
import { type Answer, failureOf, failureToReach } from './failure.ts'
import type { OtlpOptions } from './options.ts'
import type { SignalName } from './signal.ts'

export interface Sender extends AsyncDisposable {
  /**
   * Resolves to the receiver's answer once it took the request. Throws RetryableError, RejectedError or HaltError, and the
   * signal's reason when aborted. Disposing ends what is on its way with a RetryableError.
   */
  send(name: SignalName, body: Uint8Array, signal: AbortSignal): Promise<Answer>
}

const compress = promisify(gzip)
/** Names repeat from record to record: the fastest level shrinks a request to a tenth; higher ones take twice the time for a tenth of that. */
const gzipLevel = 1

/** Prepares connections to the receiver; none is made before the first request. */
export function openSender(options: OtlpOptions): Sender {
  // Our own deadline covers the whole request.
  const agent = new Agent({ connect: { ...options.tls, timeout: 0 }, headersTimeout: 0, bodyTimeout: 0 })
  const closed = new AbortController()
  const headers = {
    'user-agent': 'penstock',
    ...options.headers,
    'content-type': 'application/x-protobuf',
    ...(options.compression === 'gzip' ? { 'content-encoding': 'gzip' } : {}),
  }

  const ask = async (address: string, body: Uint8Array, signal: AbortSignal): Promise<Answer> => {
    const { origin, pathname } = new URL(address)
    const packed = options.compression === 'gzip' ? await compress(body, { level: gzipLevel }) : body
    const answer = await agent.request({ origin, path: pathname, method: 'POST', headers, body: packed, signal })
    return { status: answer.statusCode, headers: answer.headers, body: await answer.body.bytes() }
  }

  return {
    async send(name, body, signal) {
      const deadline = AbortSignal.timeout(options.timeoutMs)
      const either = AbortSignal.any([signal, deadline, closed.signal])
      const answer = await ask(addressOf(name, options), body, either).catch((error: unknown) => {
        signal.throwIfAborted()
        if (closed.signal.aborted) throw new RetryableError('The sink was closed while it wrote.', { cause: error })
        if (deadline.aborted)
          throw new RetryableError(`The receiver did not answer in ${options.timeoutMs} ms.`, { cause: error })
        throw failureToReach(error)
      })
      const failure = failureOf(answer)
      if (failure) throw failure
      return answer
    },
    async [Symbol.asyncDispose]() {
      closed.abort()
      await agent.destroy()
    },
  }
}

/** Where requests of a signal go. */
export function addressOf(name: SignalName, { url, endpoints }: OtlpOptions): string {
  return endpoints[name] ?? `${url.replace(/\/+$/, '')}/v1/${name}`
}
