import { AnswerError, framingOf, headerBlock, type ParsedHead, parseHead } from './head.ts'

/** Told what an answer consists of, in its order. */
export interface AnswerListener {
  /** Names and values in turn; how long the upstream keeps the connection, where it says so. */
  onHead(status: number, raw: string[], keepAliveMs: number | undefined): void
  /** The bytes are lent: they are valid during the call only. False where the next must wait for `resume`. */
  onBody(bytes: Buffer): boolean
  onEnd(): void
  /** From now on the connection speaks another protocol, of which something may have come already. That is lent too. */
  onUpgrade(status: number, raw: string[], rest: Buffer): void
}

type State = 'idle' | 'head' | 'body' | 'untilEnd' | 'size' | 'data' | 'dataEnd' | 'trailers' | 'stopped'

/** 32 KiB: as undici is told to take at most. */
const headMax = 32_768
/** 4 KiB: a chunk's size with its extensions, or one trailer. */
const lineMax = 4096
const headEnd = Buffer.from('\r\n\r\n')
const headBegin = 'HTTP/1.'
const cr = 13
const lf = 10
/** 12 digits: more than any disk holds, and exact as a number. Extensions are names and words only. */
const chunkSize = /^([0-9a-fA-F]{1,12})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?)*$/
const nothing = Buffer.alloc(0)

/**
 * Takes HTTP/1.1 answers apart, packet by packet (RFC 9112). What is not exactly in the form that the RFC gives is refused:
 * an answer that two readers could take for two different things must not be passed on.
 *
 *   head ─┬─ 1xx ─► head                                 (101 ─► upgrade, where it was asked for)
 *         ├─ HEAD, 204, 304 ─► end
 *         ├─ Transfer-Encoding: chunked ─► size ─► data ─► size … ─► trailers ─► end
 *         ├─ Content-Length ─► body ─► end
 *         └─ neither ─► until the connection ends
 */
export class AnswerParser {
  readonly #listener: AnswerListener
  #state: State = 'idle'
  #method = ''
  #isUpgrade = false
  #isLast = false
  /** Whether `onBody` said that the next must wait. */
  #isHeld = false
  /** What came and could not be taken yet. */
  #kept: Buffer = nothing
  /** Bytes that the body or chunk still has. */
  #rest = 0
  #trailerBytes = 0

  constructor(listener: AnswerListener) {
    this.#listener = listener
  }

  /** The connection can carry another request after this answer. */
  get isReusable(): boolean {
    return this.#state === 'idle' && !this.#isLast
  }

  /** Whether it waits for `resume`. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** The answer has ended, or the one who was told of it wants no more: the rest of the packet is left. */
  get #isOver(): boolean {
    return this.#state === 'idle' || this.#state === 'stopped'
  }

  /** An answer to a request with this method comes next. */
  expect(method: string, isUpgrade: boolean): void {
    this.#state = 'head'
    this.#method = method
    this.#isUpgrade = isUpgrade
    this.#isLast = false
    this.#isHeld = false
    this.#kept = nothing
  }

  /** Takes what came; nothing may come while `isHeld`. Throws AnswerError where it is no answer; nothing more may come then. */
  take(packet: Buffer): void {
    let bytes = this.#kept.length > 0 ? Buffer.concat([this.#kept, packet]) : packet
    this.#kept = nothing
    while (bytes.length > 0) {
      const state: State = this.#state
      if (state === 'stopped') return
      if (state === 'idle') throw new AnswerError('More came than the answer that was asked for.')
      const taken = this.#isHeld ? -1 : this.#takeIn(state, bytes)
      if (taken === bytes.length) return
      if (taken < 0) {
        this.#kept = Buffer.from(bytes) // the packet was only lent
        return
      }
      bytes = bytes.subarray(taken)
    }
  }

  /** The next part of the body may come. */
  resume(): void {
    this.#isHeld = false
    this.take(nothing)
  }

  /** What still comes is no longer of interest. */
  stop(): void {
    this.#state = 'stopped'
    this.#isHeld = false
    this.#kept = nothing
  }

  /** The connection has ended in good order. Throws AnswerError where the answer was not whole. */
  end(): void {
    if (this.#state === 'stopped') return
    if (this.#state !== 'untilEnd') throw new AnswerError('The connection ended before the answer.')
    this.#complete(false)
  }

  /** How many bytes were taken; −1 where more must come before any can be. */
  #takeIn(state: Exclude<State, 'idle' | 'stopped'>, bytes: Buffer): number {
    switch (state) {
      case 'head':
        return this.#takeHead(bytes)
      case 'body':
      case 'data':
        return this.#takeBody(bytes, state)
      case 'untilEnd':
        this.#isHeld = !this.#listener.onBody(bytes)
        return bytes.length
      case 'size':
        return this.#takeSize(bytes)
      case 'dataEnd':
        if (bytes[0] !== cr || (bytes.length > 1 && bytes[1] !== lf))
          throw new AnswerError('A chunk is not followed by a line’s end.')
        if (bytes.length < 2) return -1
        this.#state = 'size'
        return 2
      case 'trailers':
        return this.#takeTrailer(bytes)
    }
  }

  #takeHead(bytes: Buffer): number {
    const end = bytes.indexOf(headEnd)
    if ((end < 0 ? bytes.length : end) > headMax) throw new AnswerError('The head is too large.')
    if (end < 0) {
      checkBegun(bytes)
      return -1
    }
    const taken = end + headEnd.length
    this.#begin(parseHead(bytes.toString('latin1', 0, end)), bytes, taken)
    return this.#isOver ? bytes.length : taken
  }

  #begin(head: ParsedHead, bytes: Buffer, taken: number): void {
    const { status } = head
    if (status === 101 && this.#isUpgrade) {
      this.#state = 'stopped'
      this.#listener.onUpgrade(status, head.raw, bytes.subarray(taken))
      return
    }
    if (status === 101) throw new AnswerError('The protocol was changed without being asked for it.')
    if (status < 200) {
      if (head.contentLength !== undefined || head.transferEncoding !== undefined)
        throw new AnswerError('An interim answer has a body.')
      return
    }
    const framing = framingOf(head, this.#method)
    this.#isLast = head.isLast || framing === 'untilEnd' || this.#isUpgrade || this.#method === 'HEAD' // some servers send a body after HEAD all the same
    this.#state = framing === 'chunked' ? 'size' : framing === 'untilEnd' ? 'untilEnd' : 'body'
    this.#rest = typeof framing === 'number' ? framing : 0
    this.#trailerBytes = 0
    this.#listener.onHead(status, head.raw, head.keepAliveMs)
    if (framing === 0 && !this.#isOver) this.#complete(bytes.length > taken)
  }

  #takeBody(bytes: Buffer, state: 'body' | 'data'): number {
    const length = Math.min(bytes.length, this.#rest)
    this.#rest -= length
    this.#isHeld = !this.#listener.onBody(length === bytes.length ? bytes : bytes.subarray(0, length))
    if (this.#rest === 0 && !this.#isOver) {
      if (state === 'data') this.#state = 'dataEnd'
      else this.#complete(bytes.length > length)
    }
    return this.#isOver ? bytes.length : length
  }

  #takeSize(bytes: Buffer): number {
    const line = lineOf(bytes)
    if (line === undefined) return -1
    const size = chunkSize.exec(line)?.[1]
    if (size === undefined) throw new AnswerError('A chunk’s size is not a hexadecimal number.')
    this.#rest = Number.parseInt(size, 16)
    this.#state = this.#rest === 0 ? 'trailers' : 'data'
    return line.length + 2
  }

  /** Trailers are read, and left out. */
  #takeTrailer(bytes: Buffer): number {
    const line = lineOf(bytes)
    if (line === undefined) return -1
    const taken = line.length + 2
    this.#trailerBytes += taken
    if (this.#trailerBytes > headMax) throw new AnswerError('The trailers are too large.')
    if (line === '') {
      this.#complete(bytes.length > taken)
      return bytes.length
    }
    if (!headerBlock.test(line)) throw new AnswerError('A trailer is not a name and a value.')
    return taken
  }

  /** What came behind the end belongs to no request: the answer stands, but the connection is not used again. */
  #complete(hasSurplus: boolean): void {
    this.#state = 'idle'
    this.#isHeld = false
    if (hasSurplus) this.#isLast = true
    this.#listener.onEnd()
  }
}

/** Refuses at once what cannot become a head any more, however much still comes. */
function checkBegun(bytes: Buffer): void {
  const begin = bytes.toString('latin1', 0, headBegin.length)
  if (begin !== headBegin.slice(0, begin.length)) throw new AnswerError('The status line is not one of HTTP/1.1.')
  for (let at = bytes.indexOf(lf); at >= 0; at = bytes.indexOf(lf, at + 1))
    if (bytes[at - 1] !== cr) throw new AnswerError('A line does not end in CR LF.')
}

function lineOf(bytes: Buffer): string | undefined {
  const end = bytes.indexOf(lf)
  if ((end < 0 ? bytes.length : end) > lineMax) throw new AnswerError('A line between chunks is too long.')
  if (end < 0) return undefined
  if (bytes[end - 1] !== cr) throw new AnswerError('A line does not end in CR LF.')
  return bytes.toString('latin1', 0, end - 1)
}
