import { type Outgoing, UnsendableError } from '../carrier.ts'

/** How the end of a request's body is announced: by its length, by chunks, or, where there is none, not at all. */
export type RequestFraming = number | 'chunked' | 'none'

export interface RequestHead {
  readonly text: string
  readonly framing: RequestFraming
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const badValue = /[^\t\x20-\x7e\x80-\xff]/
const badPath = /[^!-~\x80-\xff]/
const decimal = /^\d{1,15}$/

/** Methods whose requests say that they have no body, as servers expect one. */
const expectsBody = new Set(['POST', 'PUT', 'PATCH'])

/**
 * Writes the head of a request. The framing is written by nobody else: a Content-Length among the headers is the length of
 * a body that streams, and is checked against one that is whole. Throws UnsendableError where something in it is not HTTP.
 */
export function requestHead({ method, path, headers, body, upgrade }: Outgoing, host: string): RequestHead {
  if (!token.test(method)) throw new UnsendableError('The method is no token.')
  if (badPath.test(path)) throw new UnsendableError('The path has a character that no path may have.')
  let lines = ''
  let named = ''
  let length = ''
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string // names and values alternate
    const value = headers[i + 1] as string // names and values alternate
    if (badValue.test(value)) throw new UnsendableError(`The header ${name} has a character that no header may have.`)
    switch (framingName(name)) {
      case 'host':
        if (named !== '') throw new UnsendableError('There are two Host headers.')
        named = value
        break
      case 'content-length':
        if (length !== '' || !decimal.test(value)) throw new UnsendableError('Content-Length is not one number.')
        length = value
        break
      case 'transfer-encoding':
      case 'connection':
      case 'upgrade':
        throw new UnsendableError(`The header ${name} is the connection’s own.`)
      default:
        if (!token.test(name)) throw new UnsendableError('The name of a header is no token.')
        lines += `${name}: ${value}\r\n`
    }
  }
  const framing = framingOf(method, body, length)
  const start = `${method} ${path} HTTP/1.1\r\nhost: ${named === '' ? host : named}\r\n`
  const text = `${start}${connectionLines(upgrade)}${lines}${framingLine(framing)}\r\n`
  return { text, framing }
}

/** In lower case, where a header of this name might concern the framing; empty otherwise. */
function framingName(name: string): string {
  const { length } = name
  return length === 4 || length === 14 || length === 17 || length === 10 || length === 7 ? name.toLowerCase() : ''
}

function framingOf(method: string, body: Outgoing['body'], length: string): RequestFraming {
  if (body === null) {
    if (length !== '' && Number(length) > 0)
      throw new UnsendableError('Content-Length announces a body that is not there.')
    return expectsBody.has(method) ? 0 : 'none'
  }
  if (!Buffer.isBuffer(body)) return length === '' ? 'chunked' : Number(length)
  if (length !== '' && Number(length) !== body.length)
    throw new UnsendableError('Content-Length is not the length of the body.')
  return body.length
}

function framingLine(framing: RequestFraming): string {
  if (framing === 'none') return ''
  return framing === 'chunked' ? 'transfer-encoding: chunked\r\n' : `content-length: ${framing}\r\n`
}

function connectionLines(upgrade: string | null): string {
  return upgrade === null ? 'connection: keep-alive\r\n' : `connection: upgrade\r\nupgrade: ${upgrade}\r\n`
}
