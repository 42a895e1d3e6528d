import { certificateFault } from '../certificate.ts'
import { retryAfterMs } from '../http.ts'
import { HaltError, RejectedError, RetryableError } from '../sink.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
}

type Failure = RetryableError | RejectedError | HaltError

/** What an answer asks the pump to do; undefined where the receiver took the request. */
export function failureOf(answer: Answer): Failure | undefined {
  const { status, headers } = answer
  const answered = `HTTP ${status}${inBrackets(messageOf(answer))}`
  if (status >= 200 && status < 300) return undefined
  if (status === 400 || status === 413 || status === 422)
    return new RejectedError(`The receiver refused the records with ${answered}.`)
  if (status === 401 || status === 403 || status === 407)
    return new HaltError(`Access was refused with ${answered}: check headers and the proxies in between.`)
  if (status === 404 || status === 405)
    return new HaltError(`There is no receiver of OTLP at this address, ${answered}: check url and endpoints.`)
  if (status < 500 && status !== 408 && status !== 429)
    return new HaltError(`The receiver will not take such requests, ${answered}: check url, endpoints and compression.`)
  const afterMs = retryAfterMs(headers['retry-after'])
  return new RetryableError(
    `The receiver could not take the records now, ${answered}.`,
    afterMs === undefined ? {} : { afterMs },
  )
}

/** What an error of the network asks the pump to do. */
export function failureToReach(error: unknown): Failure {
  const fault = certificateFault(error)
  if (fault)
    return new HaltError(`The receiver cannot be trusted over TLS (${fault}): check url and tls.`, { cause: error })
  const reason = error instanceof Error ? error.message || ('code' in error && error.code) : error
  return new RetryableError(`The receiver did not answer: ${reason}`, { cause: error })
}

const sentenceLength = 500 // what a person reads of an error
const inBrackets = (message: string) => (message === '' ? '' : ` (${message.slice(0, sentenceLength)})`)

function messageOf({ headers, body }: Answer): string {
  const type = String(headers['content-type'])
  if (type.includes('protobuf')) return statusMessage(Buffer.from(body))
  return type.includes('html') ? '' : Buffer.from(body).toString().trim()
}

/*
  google.rpc.Status

    08 <code>                     1 byte: there are 17
    12 <length> <message>         length as a varint, then UTF-8
    …                             details
*/
function statusMessage(body: Buffer): string {
  let at = body[0] === 0x08 ? 2 : 0
  if (body[at++] !== 0x12) return ''
  let length = 0
  for (let shift = 0; at < body.length; shift += 7) {
    const byte = body[at++]! // before the end
    length |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  return body.toString('utf8', at, at + length)
}
