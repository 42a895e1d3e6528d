import assert from 'node:assert/strict'
import { Pool } from 'undici'
import { replayHeader } from '../../cli/replay.ts'
import { wait } from '../../runtime/wait.ts'
import { attemptHeader } from './config.ts'
import { type LoggedCall, sentBytes } from './logged-calls.ts'
import type { System } from './system.ts'

/** One request, as the client that made it knows it. A call that got no answer is made again, as an attempt of its own. */
export interface Attempt {
  readonly id: string
  readonly call: LoggedCall
  /** Which start of the gateway it was sent to, from 0. */
  readonly life: number
  /** When the whole answer was there, by `performance.now()`; undefined where none came. */
  answeredAtMs: number | undefined
}

/** A client that waits out a gateway's death and writes down every attempt. */
export class Client implements AsyncDisposable {
  readonly attempts: Attempt[] = []
  readonly #system: System
  readonly #pool: Pool
  #life = 0
  #gatewayIsUp = Promise.resolve()

  constructor(system: System) {
    this.#system = system
    this.#pool = new Pool(system.gatewayUrl, { connections: 64, pipelining: 1 })
  }

  get life(): number {
    return this.#life
  }

  /** While the work runs, the gateway may be away; after it another life of the gateway has begun. */
  async duringDeath(work: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gatewayIsUp = promise
    try {
      await work()
    } finally {
      this.#life++
      resolve()
    }
  }

  /** Makes every call, evenly spread over the time, and tells of each when it begins. Resolves when all are answered as the log says. */
  async makeAll(calls: readonly LoggedCall[], overMs: number, onBegin: (index: number) => void): Promise<void> {
    const startedAt = performance.now()
    const answered: Promise<void>[] = []
    for (const [index, call] of calls.entries()) {
      const dueMs = startedAt + (index * overMs) / calls.length - performance.now()
      if (dueMs > 1) await wait(dueMs)
      onBegin(index)
      const one = this.#make(call)
      one.catch(() => {}) // thrown below
      answered.push(one)
    }
    await Promise.all(answered)
  }

  async #make(call: LoggedCall): Promise<void> {
    for (;;) {
      const up = this.#gatewayIsUp
      await up
      if (up !== this.#gatewayIsUp) continue
      const attempt: Attempt = { id: `${this.attempts.length}`, call, life: this.#life, answeredAtMs: undefined }
      this.attempts.push(attempt)
      const answer = await this.#send(attempt).catch((error: unknown) => {
        if (up === this.#gatewayIsUp) throw error
      })
      if (!answer) continue // it was killed meanwhile
      attempt.answeredAtMs = performance.now()
      assert.deepEqual(answer, { status: call.status, bytes: sentBytes(call) }, `${call.method} ${call.target}`)
      return
    }
  }

  async #send({ id, call }: Attempt): Promise<{ status: number; bytes: number }> {
    const { statusCode, body } = await this.#pool.request({
      method: call.method,
      path: call.target,
      headers: {
        authorization: `Bearer ${this.#system.key}`,
        'x-forwarded-for': call.clientIp,
        [replayHeader]: `${call.status} ${call.bytes}`,
        [attemptHeader]: id,
      },
    })
    return { status: statusCode, bytes: (await body.arrayBuffer()).byteLength }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
  }
}
