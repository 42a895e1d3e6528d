import { certificateFault } from '../certificate.ts'
import { retryAfterMs } from '../http.ts'
import { HaltError, RejectedError, RetryableError } from '../sink.ts'

/** Errors of ClickHouse that only the operator can mend. */
const operatorsFault: Readonly<Record<number, string>> = {
  16: 'NO_SUCH_COLUMN_IN_TABLE',
  36: 'BAD_ARGUMENTS',
  44: 'ILLEGAL_COLUMN',
  46: 'UNKNOWN_FUNCTION',
  47: 'UNKNOWN_IDENTIFIER',
  48: 'NOT_IMPLEMENTED',
  50: 'UNKNOWN_TYPE',
  53: 'TYPE_MISMATCH',
  57: 'TABLE_ALREADY_EXISTS',
  60: 'UNKNOWN_TABLE',
  62: 'SYNTAX_ERROR',
  73: 'UNKNOWN_FORMAT',
  81: 'UNKNOWN_DATABASE',
  115: 'UNKNOWN_SETTING',
  164: 'READONLY',
  192: 'UNKNOWN_USER',
  193: 'WRONG_PASSWORD',
  194: 'REQUIRED_PASSWORD',
  195: 'IP_ADDRESS_NOT_ALLOWED',
  218: 'TABLE_IS_DROPPED',
  291: 'DATABASE_ACCESS_DENIED',
  452: 'SETTING_CONSTRAINT_VIOLATION',
  497: 'ACCESS_DENIED',
  511: 'UNKNOWN_ROLE',
  516: 'AUTHENTICATION_FAILED',
}

/** Errors of ClickHouse that the same records will cause again. */
const recordsFault: Readonly<Record<number, string>> = {
  6: 'CANNOT_PARSE_TEXT',
  26: 'CANNOT_PARSE_QUOTED_STRING',
  27: 'CANNOT_PARSE_INPUT_ASSERTION_FAILED',
  38: 'CANNOT_PARSE_DATE',
  41: 'CANNOT_PARSE_DATETIME',
  69: 'ARGUMENT_OUT_OF_BOUND',
  72: 'CANNOT_PARSE_NUMBER',
  117: 'INCORRECT_DATA',
  131: 'TOO_LARGE_STRING_SIZE',
  321: 'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE',
  376: 'CANNOT_PARSE_UUID',
  469: 'VIOLATED_CONSTRAINT',
}

/** What came back over HTTP. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The begin of the body. */
  readonly text: string
}

type Failure = RetryableError | RejectedError | HaltError

/** What the answer asks the pump to do; undefined where the server did what it was asked. */
export function failureOf(answer: Answer): Failure | undefined {
  const { status, headers, text } = answer
  const code = Number(headers['x-clickhouse-exception-code'] ?? /^Code: (\d+)\./.exec(text)?.[1] ?? 0)
  if (code > 0) return serversFailure(code, sentenceOf(text))
  if (status >= 300) return othersFailure(answer)
  if (Object.keys(headers).some((name) => name.startsWith('x-clickhouse-'))) return undefined
  return new HaltError('Something else than ClickHouse answers at this address: check the url.')
}

/** What an error of the network or the client asks the pump to do. */
export function failureToReach(error: unknown): Failure {
  const fault = certificateFault(error)
  if (fault)
    return new HaltError(`ClickHouse cannot be trusted over TLS (${fault}): check url and tls.`, { cause: error })
  return new RetryableError(`ClickHouse did not answer: ${reasonOf(error)}`, { cause: error })
}

/** An attempt at several addresses of a name fails with a code and no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}

function serversFailure(code: number, message: string): Failure {
  if (code in operatorsFault) return new HaltError(`ClickHouse refused: ${message}`)
  if (code in recordsFault) return new RejectedError(`ClickHouse refused the records: ${message}`)
  return new RetryableError(`ClickHouse failed: ${message}`)
}

/** What proxies answer, and ClickHouse itself before it has read the request. */
function othersFailure({ status, headers, text }: Answer): Failure {
  const answered = `HTTP ${status}${isHtml(text) || text.trim() === '' ? '' : ` (${sentenceOf(text)})`}`
  if (status < 400) return new HaltError(`The address leads elsewhere, ${answered}: check the url.`)
  if (status === 401 || status === 403 || status === 407)
    return new HaltError(`Access was refused with ${answered}: check username, password and the proxies in between.`)
  if (status === 404 || status === 405)
    return new HaltError(`There is no ClickHouse at this address, ${answered}: check the url.`)
  if (status === 413)
    return new RejectedError(`The block is larger than the server or a proxy before it takes, ${answered}.`)
  const afterMs = retryAfterMs(headers['retry-after'])
  return new RetryableError(
    `ClickHouse could not take the block now, ${answered}.`,
    afterMs === undefined ? {} : { afterMs },
  )
}

const isHtml = (text: string) => text.trimStart().startsWith('<')

const sentenceLength = 500 // what a person reads of an error; the rest is the statement repeated

const sentenceOf = (text: string) => text.trim().slice(0, sentenceLength)
