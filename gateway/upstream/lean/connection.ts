import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Carrier, OpenCarrier, Sendable } from '../carrier.ts'
import type { Dial } from './dial.ts'
import { AnswerError } from './head.ts'
import { type Idle, IdleWatch } from './idle-watch.ts'
import { type AnswerListener, AnswerParser } from './parser.ts'
import { type RequestBody, sendBody } from './request-body.ts'
import { type RequestHead, requestHead } from './request-head.ts'

/** Carriers on sockets of their own, with nothing in between. */
export function leanCarriers(dial: Dial): OpenCarrier {
  const watch = new IdleWatch()
  return (onClose) => new LeanConnection(dial, watch, onClose)
}

/** 4 s: shorter than any usual upstream keeps an idle connection, where it says nothing about it. */
const keptMsByDefault = 4_000

/** 64 KiB: what is read at once, by all connections into the same place, as each packet is taken apart before the next is read. */
const packet = Buffer.allocUnsafeSlow(65_536)

/** Requests to be sent at the end of this turn of the event loop. */
let due: LeanConnection[] = []

/**
 * All requests of a turn are written one after the other at its end. That wakes an upstream once for all of them; and what
 * had come meanwhile on an idle connection has been read by then, so that nobody's answer can lie in wait for a request.
 */
function sendAtEndOfTurn(connection: LeanConnection): void {
  if (due.push(connection) === 1) setImmediate(sendDue)
}

function sendDue(): void {
  const connections = due
  due = []
  for (const connection of connections) connection.start()
}

/** One socket of a connection, from its opening to its end. */
interface Line {
  readonly socket: Socket
  isReady: boolean
  /** It speaks another protocol by now. */
  isUpgraded: boolean
  error: Error | undefined
}

class LeanConnection implements Carrier, AnswerListener, Idle {
  readonly #dial: Dial
  readonly #watch: IdleWatch
  readonly #onClose: () => void
  readonly #parser = new AnswerParser(this)
  #line: Line | undefined = undefined
  #request: Sendable | undefined = undefined
  #wasSent = false
  /** Of the request, while it is still being sent. */
  #body: RequestBody | undefined = undefined
  #idleSinceMs = 0
  #keptMs = keptMsByDefault
  #whenIdle: (() => void) | undefined = undefined

  constructor(dial: Dial, watch: IdleWatch, onClose: () => void) {
    this.#dial = dial
    this.#watch = watch
    this.#onClose = onClose
  }

  carry(request: Sendable): void {
    this.#request = request
    this.#wasSent = false
    sendAtEndOfTurn(this)
  }

  async close(): Promise<void> {
    if (this.#request) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#whenIdle = resolve
      await promise
    }
    this.destroy()
  }

  destroy(): void {
    if (this.#request) this.#fail(new Error('The connection was closed.'))
    else this.#hangUp()
  }

  closeIfIdle(nowMs: number): void {
    if (!this.#request && nowMs - this.#idleSinceMs >= this.#keptMs) this.#hangUp()
  }

  /** Sends the request that is due, on the socket there is or on a new one. */
  start(): void {
    const request = this.#request
    if (!request || this.#wasSent) return
    if (request.isOver) this.#fail(new Error('The request was given up before it was sent.'))
    else if (!this.#line) this.#connect()
    else if (this.#line.isReady) this.#send(this.#line.socket, request)
  }

  #connect(): void {
    const { open, readyEvent, withinMs } = this.#dial
    const callback = (bytes: number) => this.#read(line, packet.subarray(0, bytes))
    const socket = open({ buffer: packet, callback })
    const line: Line = { socket, isReady: false, isUpgraded: false, error: undefined }
    this.#line = line
    this.#keptMs = keptMsByDefault
    this.#watch.add(this)
    const timer = setTimeout(
      () => socket.destroy(new Error(`There was no connection within ${withinMs} ms.`)),
      withinMs,
    )
    socket.on(readyEvent, () => {
      clearTimeout(timer)
      line.isReady = true
      socket.setNoDelay(true)
      if (this.#line === line) this.start()
    })
    socket.on('drain', () => this.#body?.goOn())
    socket.on('end', () => this.#end(line))
    socket.on('error', (error) => {
      line.error = error
    })
    socket.on('close', () => {
      clearTimeout(timer)
      this.#closed(line)
    })
  }

  #send(socket: Socket, request: Sendable): void {
    const { options } = request
    let head: RequestHead
    try {
      head = requestHead(options, this.#dial.host)
    } catch (error) {
      this.#fail(error as Error) // it throws nothing else
      return
    }
    this.#parser.expect(options.method, options.upgrade !== null)
    this.#wasSent = true
    request.onConnect(this.#abort)
    if (this.#request !== request) return // given up by the one who was just told
    const { body } = options
    if (body === null) socket.write(head.text, 'latin1')
    else if (Buffer.isBuffer(body)) {
      socket.cork()
      socket.write(head.text, 'latin1')
      socket.write(body)
      socket.uncork()
    } else {
      socket.write(head.text, 'latin1')
      this.#stream(socket, body, head.framing as number | 'chunked') // as there is a body
    }
  }

  #stream(socket: Socket, body: Readable, framing: number | 'chunked'): void {
    this.#body = sendBody(socket, body, framing, {
      onEnd: () => {
        this.#body = undefined
      },
      onFault: (error) => this.#fail(error),
    })
  }

  readonly #abort = (): void => {
    if (this.#request) this.#fail(new Error('The request was given up.'))
  }

  /** False where the socket must not be read any more for now. */
  #read(line: Line, bytes: Buffer): boolean {
    if (line.isUpgraded) return line.socket.push(Buffer.from(bytes)) // to whoever reads the socket now
    if (this.#line !== line) return true
    if (this.#request && this.#wasSent) this.#parse(bytes)
    else this.#hangUp() // nobody asked for it
    return !this.#parser.isHeld
  }

  readonly #resume = (): void => {
    if (!this.#parser.isHeld) return
    this.#parse('resume')
    if (!this.#parser.isHeld) this.#line?.socket.resume()
  }

  #end(line: Line): void {
    if (this.#line !== line) return
    if (this.#request && this.#wasSent) this.#parse('end')
    else this.#hangUp()
  }

  #parse(next: Buffer | 'resume' | 'end'): void {
    try {
      if (next === 'resume') this.#parser.resume()
      else if (next === 'end') this.#parser.end()
      else this.#parser.take(next)
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error
      this.#fail(error)
    }
  }

  onHead(status: number, raw: string[], keepAliveMs: number | undefined): void {
    this.#keptMs = keepAliveMs ?? keptMsByDefault
    this.#request?.onHeaders(status, raw, this.#resume)
  }

  onBody(bytes: Buffer): boolean {
    return this.#request?.onData(Buffer.from(bytes)) ?? true
  }

  onEnd(): void {
    const request = this.#request
    const body = this.#body
    this.#request = undefined
    this.#body = undefined
    this.#idleSinceMs = performance.now()
    if (!this.#parser.isReusable || body || this.#keptMs <= 0) this.#hangUp() // a body that is still being sent would be taken for the next request
    request?.onComplete()
    body?.stop()
    this.#whenIdle?.()
  }

  onUpgrade(status: number, raw: string[], rest: Buffer): void {
    const [line, request] = [this.#line, this.#request]
    if (!line || !request) return
    this.#line = undefined
    this.#request = undefined
    this.#watch.remove(this)
    line.isUpgraded = true
    if (rest.length > 0) line.socket.push(Buffer.from(rest))
    request.onUpgrade(status, raw, line.socket)
    this.#whenIdle?.()
  }

  #closed(line: Line): void {
    if (this.#line === line) {
      this.#line = undefined
      this.#watch.remove(this)
      if (this.#request) this.#fail(line.error ?? new Error('The connection was closed before the answer.'))
    }
    if (!line.isUpgraded) this.#onClose()
  }

  /** The request on it has failed, and so has the connection. */
  #fail(error: Error): void {
    const request = this.#request
    const body = this.#body
    this.#request = undefined
    this.#body = undefined
    this.#hangUp()
    body?.stop()
    request?.onError(error)
    this.#whenIdle?.()
  }

  /** Lets go of the socket: a next request gets a new one. */
  #hangUp(): void {
    this.#parser.stop()
    const line = this.#line
    if (!line) return
    this.#line = undefined
    this.#watch.remove(this)
    line.socket.destroy()
  }
}
