import { hopByHop, lengthsOf, namedByConnection } from '../hop-by-hop.ts'
import type { RawHeaders } from './carrier.ts'

/** The head of an upstream's answer, as it goes on to the client. */
export interface AnswerHead {
  readonly status: number
  readonly headers: string[]
  /** −1 where the upstream did not say. */
  readonly contentLength: number
  /** The transfer coding, where it is another than chunked: nobody could decode the body without it. */
  readonly oddCoding: string | undefined
}

const lengths = lengthsOf([...hopByHop, 'content-length'])

/** Takes an answer's raw head apart; headers that end here are left out. */
export function toAnswerHead(status: number, raw: RawHeaders): AnswerHead {
  const headers: string[] = []
  let contentLength = -1
  let oddCoding: string | undefined
  let named: ReadonlySet<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = textOf(raw[i])
    const value = textOf(raw[i + 1])
    if (lengths[name.length] === 1) {
      const lower = name.toLowerCase()
      if (lower === 'connection') named = namedByConnection(value) ?? named
      if (lower === 'transfer-encoding' && value.trim().toLowerCase() !== 'chunked') oddCoding = value
      if (hopByHop.has(lower)) continue
      if (lower === 'content-length') {
        if (status === 204) continue // RFC 9110, 8.6: never with 204
        contentLength = Number(value)
      }
    }
    headers.push(name, value)
  }
  return { status, headers: named === undefined ? headers : without(headers, named), contentLength, oddCoding }
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => !names.has((headers[index - (index % 2)] as string).toLowerCase())) // the name at the even index
}

function textOf(part: string | Buffer | undefined): string {
  return typeof part === 'string' ? part : (part?.toString('latin1') ?? '')
}
