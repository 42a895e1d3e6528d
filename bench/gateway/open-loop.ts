/**
 * Requests at a fixed rate, whether answers come or not: `open-loop.ts`, told what to do by its parent. Each latency
 * counts from the moment its request was due, so that a server that stalls is charged for all who would have come meanwhile.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface OpenLoop {
  readonly url: string
  readonly requestsPerSecond: number
  readonly seconds: number
  readonly keys: readonly string[]
}

export interface Latencies {
  readonly answered: number
  /** Due, but without a 200 ten seconds after the end. */
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  /** The 99th percentile of each second that requests were due in. */
  readonly p99MsBySecond: readonly number[]
}

/** Runs it in a process of its own. */
export async function runOpenLoop(options: OpenLoop): Promise<Latencies> {
  const child = fork(import.meta.filename)
  child.send(options)
  const [latencies] = (await once(child, 'message')) as [Latencies]
  return latencies
}

/** 10 s: what an answer may be late at the end. */
const patienceMs = 10_000

class Sender {
  readonly #host: string
  readonly #port: number
  readonly #onAnswer: (dueMs: number, isOk: boolean) => void
  readonly #idle: Socket[] = []
  readonly #due = new Map<Socket, number>()

  constructor(url: string, onAnswer: (dueMs: number, isOk: boolean) => void) {
    const { hostname, port } = new URL(url)
    this.#host = hostname
    this.#port = Number(port)
    this.#onAnswer = onAnswer
  }

  send(request: string, dueMs: number): void {
    const socket = this.#idle.pop() ?? this.#open()
    this.#due.set(socket, dueMs)
    socket.write(request, 'latin1')
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: this.#host, noDelay: true })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (part) => {
      text += part
      const headEnd = text.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1])
      if (text.length < headEnd + 4 + length) return
      const isOk = text.startsWith('HTTP/1.1 200')
      text = ''
      this.#end(socket, isOk)
      this.#idle.push(socket)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#end(socket, false)
      const index = this.#idle.indexOf(socket)
      if (index >= 0) this.#idle.splice(index, 1)
    })
    return socket
  }

  #end(socket: Socket, isOk: boolean): void {
    const dueMs = this.#due.get(socket)
    this.#due.delete(socket)
    if (dueMs !== undefined) this.#onAnswer(dueMs, isOk)
  }
}

async function run({ url, requestsPerSecond, seconds, keys }: OpenLoop): Promise<Latencies> {
  const requests = keys.map(
    (key, i) => `GET /orders/${i} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1\r\nX-Api-Key: ${key}\r\n\r\n`,
  )
  const total = Math.round(requestsPerSecond * seconds)
  const startMs = performance.now() + 100
  const bySecond: number[][] = Array.from({ length: Math.ceil(seconds) }, () => [])
  let ended = 0
  let failed = 0
  const done = Promise.withResolvers<void>()
  const sender = new Sender(url, (dueMs, isOk) => {
    if (isOk) bySecond[Math.floor((dueMs - startMs) / 1000)]?.push(performance.now() - dueMs)
    else failed++
    if (++ended === total) done.resolve()
  })
  let sent = 0
  const tick = () => {
    const nowMs = performance.now()
    for (; sent < total; sent++) {
      const dueMs = startMs + (sent * 1000) / requestsPerSecond
      if (dueMs > nowMs) break
      sender.send(requests[sent % requests.length] ?? '', dueMs)
    }
    if (sent < total) setTimeout(tick, 1)
    else setTimeout(done.resolve, patienceMs)
  }
  tick()
  await done.promise
  const all = bySecond.flat().sort((a, b) => a - b)
  return {
    answered: all.length,
    failed: failed + total - ended,
    p50Ms: percentile(all, 0.5),
    p99Ms: percentile(all, 0.99),
    p999Ms: percentile(all, 0.999),
    maxMs: all.at(-1) ?? 0,
    p99MsBySecond: bySecond.map((latencies) =>
      percentile(
        latencies.sort((a, b) => a - b),
        0.99,
      ),
    ),
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

if (process.argv[1] === import.meta.filename) {
  const [options] = (await once(process, 'message')) as [OpenLoop]
  process.send?.(await run(options), () => process.exit())
}
