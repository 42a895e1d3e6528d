import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { toAnswerHead } from '../../../gateway/upstream/answer-head.ts'
import type { Carrier, OpenCarrier, Outgoing, RawHeaders, Sendable } from '../../../gateway/upstream/carrier.ts'
import { leanCarriers } from '../../../gateway/upstream/lean/connection.ts'
import { dialTo } from '../../../gateway/upstream/lean/dial.ts'
import { undiciCarriers } from '../../../gateway/upstream/undici.ts'

/** What became of a request. */
export type Told =
  | { readonly status: number; readonly headers: readonly string[]; readonly body: string }
  | { readonly error: string }
  | { readonly upgraded: Duplex }

/** A request as the gateway sends it, which notes what it is told. */
export class Note implements Sendable {
  readonly options: Outgoing
  carrier: Carrier | undefined = undefined
  isOver = false
  next: Sendable | undefined = undefined
  queuedAtMs = 0
  abort: ((error?: Error) => void) | undefined = undefined
  resume: () => void = () => {}
  /** How often it was told of an end: once, whatever happens. */
  ends = 0
  /** Whether it takes the next chunk at once. */
  isReady = true
  readonly chunks: Buffer[] = []
  readonly #told = Promise.withResolvers<Told>()
  #head: { status: number; headers: readonly string[] } | undefined = undefined

  constructor(options: Partial<Outgoing> = {}) {
    this.options = { path: '/', method: 'GET', headers: [], body: null, upgrade: null, servername: 'a', ...options }
  }

  get told(): Promise<Told> {
    return this.#told.promise
  }

  onConnect(abort: (error?: Error) => void): void {
    this.abort = abort
  }

  onHeaders(status: number, raw: RawHeaders, resume: () => void): boolean {
    if (status >= 200) this.#head = { status, headers: toAnswerHead(status, raw).headers }
    this.resume = resume
    return true
  }

  onData(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    return this.isReady
  }

  onComplete(): void {
    this.ends++
    if (this.#head) this.#told.resolve({ ...this.#head, body: Buffer.concat(this.chunks).toString('latin1') })
    else this.#told.resolve({ error: 'There was no head.' })
  }

  onUpgrade(_status: number, _raw: RawHeaders | null, socket: Duplex): void {
    this.ends++
    this.#told.resolve({ upgraded: socket })
  }

  onError(error: Error): void {
    this.ends++
    this.#told.resolve({ error: error.message })
  }
}

export interface Upstream {
  readonly url: string
  /** Connections so far. */
  readonly sockets: readonly Socket[]
}

/** A TCP server whose `talk` is called with each connection, closed with the test. */
export async function startTcp(t: TestContext, talk: (socket: Socket) => void): Promise<Upstream> {
  const sockets: Socket[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    talk(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo // a TCP server that listens
  return { url: `http://127.0.0.1:${port}`, sockets }
}

/** Calls `answer` with each request that has come, as far as its head. */
export function onRequests(socket: Socket, answer: (head: string) => void): void {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (part) => {
    text += part
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end)
      text = text.slice(end + 4)
      answer(head)
    }
  })
}

export function lean(url: string): OpenCarrier {
  return leanCarriers(dialTo(new URL(url), 5000))
}

export function undici(url: string): OpenCarrier {
  return undiciCarriers(url, { headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: 32_768, pipelining: 1 })
}

/** One request on a connection of its own. */
export async function carryOnce(open: OpenCarrier, options: Partial<Outgoing> = {}): Promise<Told> {
  const carrier = open(() => {})
  const note = new Note(options)
  carrier.carry(note)
  const told = await note.told
  carrier.destroy()
  return told
}
