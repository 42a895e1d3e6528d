/** What came is not an HTTP/1.1 answer, or one that two readers could take for two different things. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
}

/** The head of an answer, and what it says of the connection and of the body's end. */
export interface ParsedHead {
  readonly status: number
  /** Names and values in turn, as they came. */
  readonly raw: string[]
  readonly contentLength: string | undefined
  readonly transferEncoding: string | undefined
  /** The connection carries nothing after this answer. */
  readonly isLast: boolean
  /** How long the upstream keeps the connection, where it says so. */
  readonly keepAliveMs: number | undefined
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** Lines of a name, a colon and a value: no control characters, no folded lines, nothing between name and colon, no line's end but CR LF. */
export const headerBlock = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*(?:\r\n|$))*$/

/** Takes a head apart that came without its last two line ends. */
export function parseHead(head: string): ParsedHead {
  const firstEnd = head.indexOf('\r\n')
  const [, minor, status] = statusLine.exec(firstEnd < 0 ? head : head.slice(0, firstEnd)) ?? []
  if (status === undefined) throw new AnswerError('The status line is not one of HTTP/1.1.')
  const block = firstEnd < 0 ? '' : head.slice(firstEnd + 2)
  if (!headerBlock.test(block)) throw new AnswerError('A header is not a name and a value.')
  const raw: string[] = []
  let contentLength: string | undefined
  let transferEncoding: string | undefined
  let saysClose = false
  let saysKeepAlive = false
  let keepAliveMs: number | undefined
  for (let at = 0; at < block.length; ) {
    const colon = block.indexOf(':', at)
    const lineEnd = block.indexOf('\r\n', colon)
    const end = lineEnd < 0 ? block.length : lineEnd
    const name = block.slice(at, colon)
    const value = trimmed(block, colon + 1, end)
    raw.push(name, value)
    at = end + 2
    if (name.length === 10) {
      const lower = name.toLowerCase()
      if (lower === 'connection') {
        const options = optionsOf(value)
        saysClose ||= options.includes('close')
        saysKeepAlive ||= options.includes('keep-alive')
      } else if (lower === 'keep-alive') keepAliveMs = keepAliveOf(value)
    } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (contentLength !== undefined) throw new AnswerError('There are two Content-Length headers.')
      contentLength = value
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (transferEncoding !== undefined) throw new AnswerError('There are two Transfer-Encoding headers.')
      transferEncoding = value
    }
  }
  if (transferEncoding !== undefined && minor === '0') throw new AnswerError('HTTP/1.0 has no Transfer-Encoding.')
  const isLast = saysClose || (minor === '0' && !saysKeepAlive)
  return { status: Number(status), raw, contentLength, transferEncoding, isLast, keepAliveMs }
}

/** How the end of a body is known: after so many bytes, by chunks, or with the connection. */
export type Framing = number | 'chunked' | 'untilEnd'

/** 15 digits: more than any disk holds, and exact as a number. */
const decimal = /^\d{1,15}$/

/** The framing of a final answer to a request with this method. */
export function framingOf({ status, contentLength, transferEncoding }: ParsedHead, method: string): Framing {
  if (transferEncoding !== undefined) {
    if (transferEncoding.toLowerCase() !== 'chunked') throw new AnswerError('The transfer coding is not chunked.')
    if (contentLength !== undefined) throw new AnswerError('There are both Content-Length and Transfer-Encoding.')
  }
  if (contentLength !== undefined && !decimal.test(contentLength))
    throw new AnswerError('Content-Length is not a number.')
  if (method === 'HEAD' || status === 204 || status === 304) return 0
  if (transferEncoding !== undefined) return 'chunked'
  return contentLength === undefined ? 'untilEnd' : Number(contentLength)
}

const keepAlive = ['keep-alive']

function optionsOf(connection: string): readonly string[] {
  if (connection === 'keep-alive') return keepAlive
  return connection
    .toLowerCase()
    .split(',')
    .map((option) => option.trim())
}

/** 1 s: a request sent as the upstream closes would be lost, so the connection is given up a little before. */
const keepAliveMarginMs = 1000

function keepAliveOf(value: string): number | undefined {
  const seconds = /(?:^|[,\s])timeout=(\d{1,6})/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Math.max(0, Number(seconds) * 1000 - keepAliveMarginMs)
}

const space = 32
const tab = 9

/** A value without the spaces and tabs around it. */
function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === space || code === tab
}
