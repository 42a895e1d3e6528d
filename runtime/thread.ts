import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import { backoff } from './backoff.ts'
import { ConfigError } from './check.ts'
import type { Level, Log, LogFields } from './log.ts'
import { wait } from './wait.ts'

/**
 * A worker thread that outlives its crashes: when it dies it is started again, after a pause that grows while it keeps dying.
 * Disposing ends it for good.
 */
export interface Thread<ToThread> extends AsyncDisposable {
  /** Hands a copy over. Lost where the thread dies before it answers: `onDeath` says so. */
  post(message: ToThread): void
}

export interface ThreadOptions<ToThread, FromThread> {
  /** Named in the log. */
  readonly name: string
  readonly url: URL
  /** What the thread finds in `threadData`; asked again at each start. */
  readonly data: () => unknown
  readonly onMessage: (message: FromThread) => void
  /** The thread died and starts again after a pause: nothing that was posted will be answered any more. */
  readonly onDeath?: () => void
  /** Posted at the disposal, for the thread to end by itself; after `withinMs` it is terminated. */
  readonly farewell?: { readonly message: ToThread; readonly withinMs: number }
  readonly log: Log
}

/** The thread's own end. */
export interface ThreadPort<ToThread, FromThread> {
  post(message: FromThread): void
  /** Calls `listener` with each message from now on; the thread lives as long as it listens. */
  listen(listener: (message: ToThread) => void): void
  close(): void
  /** Writes through the log of the one who opened the thread. */
  readonly log: Log
}

type Envelope<FromThread> =
  | { readonly message: FromThread }
  | { readonly level: Level; readonly sentence: string; readonly fields: LogFields }

/** 30 s: a thread that lived for so long did not die of its start. */
const settledMs = 30_000

/** Resolves with the thread's first message, which says that it is at work; throws where its first start ends before that. */
export async function openThread<ToThread, FromThread>(
  options: ThreadOptions<ToThread, FromThread>,
): Promise<Thread<ToThread>> {
  const thread = new SupervisedThread(options)
  await thread.started
  return thread
}

class SupervisedThread<ToThread, FromThread> implements Thread<ToThread> {
  readonly started: Promise<void>
  readonly #options: ThreadOptions<ToThread, FromThread>
  readonly #closing = new AbortController()
  #first = Promise.withResolvers<void>()
  #worker: Worker | undefined
  #ended = Promise.withResolvers<void>()
  #spoke = false
  #deaths = 0

  constructor(options: ThreadOptions<ToThread, FromThread>) {
    this.#options = options
    this.started = this.#first.promise
    this.#start()
  }

  post(message: ToThread): void {
    this.#worker?.postMessage(message)
  }

  #start(): void {
    const startedAt = performance.now()
    const worker = new Worker(this.#options.url, { workerData: this.#options.data(), name: this.#options.name })
    let error: unknown
    worker.on('message', (envelope: Envelope<FromThread>) => this.#take(envelope))
    worker.on('error', (thrown) => {
      error = thrown
    })
    worker.on('exit', (exitCode) => {
      this.#worker = undefined
      this.#ended.resolve()
      if (this.#closing.signal.aborted) return
      if (performance.now() - startedAt > settledMs) this.#deaths = 0
      void this.#died(error ?? new Error(`The thread ended by itself with exit code ${exitCode}.`))
    })
    this.#ended = Promise.withResolvers<void>()
    this.#worker = worker
  }

  #take(envelope: Envelope<FromThread>): void {
    if ('level' in envelope) {
      this.#options.log(envelope.level, envelope.sentence, envelope.fields)
      return
    }
    this.#spoke = true
    this.#first.resolve()
    this.#options.onMessage(envelope.message)
  }

  async #died(error: unknown): Promise<void> {
    if (!this.#spoke) return this.#first.reject(withClass(error))
    const waitMs = backoff(this.#deaths++)
    this.#options.log('error', 'A thread died; it will start again.', { thread: this.#options.name, waitMs, error })
    this.#options.onDeath?.()
    await wait(waitMs, this.#closing.signal).then(
      () => this.#start(),
      () => {}, // disposed meanwhile: there is nothing to start any more
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    const worker = this.#worker
    const { farewell } = this.#options
    if (!worker) return
    if (farewell) {
      worker.postMessage(farewell.message)
      const patience = new AbortController()
      await Promise.race([this.#ended.promise, wait(farewell.withinMs, patience.signal).catch(() => {})])
      patience.abort()
    }
    await worker.terminate()
  }
}

/** What the opener of this thread gave it. The two sides agree on the type by importing it from one place. */
export function threadData<T>(): T {
  return workerData as T // both ends take it from one declaration
}

/** Opens the thread's end of the line to its opener. */
export function threadPort<ToThread, FromThread>(): ThreadPort<ToThread, FromThread> {
  if (!parentPort) throw new Error('This module runs in a worker thread only: open it with openThread.')
  const port: MessagePort = parentPort
  const send = (envelope: Envelope<FromThread>) => port.postMessage(envelope)
  return {
    post: (message) => send({ message }),
    listen: (listener) => void port.on('message', listener),
    close: () => port.close(),
    log: (level, sentence, fields = {}) => send({ level, sentence, fields: toPlain(fields) }),
  }
}

/** An error loses its class on the way between threads; that of an operator's fault decides how the process ends. */
function withClass(error: unknown): unknown {
  const isOperators = error instanceof Error && error.name === 'ConfigError'
  return isOperators ? new ConfigError(error.message, { cause: error.cause }) : error
}

/** Errors lose their name and code on the way between threads, so they travel as plain objects. */
function toPlain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? toPlainError(value) : value]),
  )
}

function toPlainError(error: Error): object {
  const { name, message, stack, cause } = error
  const code = 'code' in error ? { code: String(error.code) } : {}
  return { type: name, message, ...code, stack, ...(cause instanceof Error ? { cause: toPlainError(cause) } : {}) }
}
