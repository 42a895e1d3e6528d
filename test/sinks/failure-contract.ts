import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { HaltError, type RejectedError, RetryableError } from '../../sinks/sink.ts'
import { type Fault, type FaultProxy, type HttpAnswer, openFaultProxy } from '../services/fault-proxy.ts'
import { until } from '../services/until.ts'
import { someRecords } from './contract.ts'
import { aBlock, again, type Delivery, openDelivery, patience, type SinkHarness, type SinkPlace } from './delivery.ts'

type Failure = typeof RetryableError | typeof RejectedError | typeof HaltError

/** Answers that a server, or a proxy before it, gives instead of taking the block. */
export const answers = {
  'a 401': { status: 401 },
  'a 403': { status: 403 },
  'a 404': { status: 404 },
  'a 413': { status: 413 },
  'a 429 with Retry-After': { status: 429, headers: { 'retry-after': '7' } },
  'a 500': { status: 500 },
  'a 502': { status: 502 },
  'a 503 with Retry-After': { status: 503, headers: { 'retry-after': '7' } },
  'a 504': { status: 504 },
  'a 200 from somebody else': { status: 200, body: '<html><body>Welcome! Please log in.</body></html>' },
} as const satisfies Record<string, HttpAnswer>

export interface SinkFailureHarness extends SinkHarness {
  /** Port of the real server on 127.0.0.1. */
  port(place: SinkPlace): number
  /** The options that lead to that server by another port. */
  through(place: SinkPlace, port: number): Readonly<Record<string, unknown>>
  /** Options that make the sink give up waiting for an answer within a second. */
  readonly impatient: Readonly<Record<string, unknown>>
  /** What each answer means, for a sink that speaks HTTP. */
  readonly http?: Readonly<Record<keyof typeof answers, Failure>>
}

/** How every sink that talks to a server takes its failures. Each such sink's test calls this once. */
export function sinkFailureContract(name: string, harness: SinkFailureHarness): void {
  /** A sink whose way to its server can be spoilt; with one block stored already, so that its connections are open. */
  const openWarm = async (t: TestContext, overrides: Readonly<Record<string, unknown>> = {}) => {
    const spoilt = await openSpoilt(t, harness, { kind: 'none' }, overrides)
    const stored = aBlock(someRecords(2), { seq: 0 })
    await spoilt.delivery.deliver(stored)
    return { ...spoilt, stored: stored.records, block: aBlock(someRecords(200), { seq: 2 }) }
  }

  describe(`${name} says what to do about a failure`, () => {
    for (const [what, fault] of Object.entries(faults)) {
      test(`${what}: the block is sent again, and stored once the fault is over`, async (t) => {
        const { proxy, delivery, stored, block } = await openWarm(t, harness.impatient)
        await proxy.set(fault)
        await rejects(delivery.write(block), RetryableError)
        await proxy.set({ kind: 'none' })
        await delivered(delivery, block)
        await delivery.holds([...stored, ...block.records])
      })
    }

    test('a sink opens while its server is down, and delivers once it is up', async (t) => {
      const { proxy, delivery } = await openSpoilt(t, harness, { kind: 'refuse' }, harness.impatient)
      const block = aBlock(someRecords(3))
      await rejects(delivery.write(block), RetryableError)
      await proxy.set({ kind: 'none' })
      await delivered(delivery, block)
      await delivery.holds(block.records)
    })

    test('a write that hangs ends at once with the reason when it is aborted', async (t) => {
      const { proxy, delivery, block } = await openWarm(t)
      await proxy.set({ kind: 'hang' })
      const lease = new AbortController()
      const reason = new Error('the lease is lost')
      const writing = delivery.write(block, lease.signal)
      lease.abort(reason)
      await assert.rejects(writing, reason)
    })

    test('a sink that hangs can be closed', async (t) => {
      const { proxy, delivery, block } = await openWarm(t)
      await proxy.set({ kind: 'hang' })
      const writing = delivery.write(block).catch((error: unknown) => error)
      await delivery.sink[Symbol.asyncDispose]()
      assert.ok((await writing) instanceof Error)
    })

    if (!harness.http) {
      test('a server that speaks another protocol is told from ours, and the block is stored by the right one', async (t) => {
        const { proxy, delivery, stored, block } = await openWarm(t, harness.impatient)
        await proxy.set({ kind: 'answer', status: 200 })
        const error = await delivery.write(block).catch((error: unknown) => error)
        assert.ok(error instanceof RetryableError || error instanceof HaltError, `not ${error}`)
        await proxy.set({ kind: 'none' })
        await delivered(delivery, block)
        await delivery.holds([...stored, ...block.records])
      })
    }

    for (const [what, failure] of Object.entries(harness.http ?? {})) {
      const answer: HttpAnswer = answers[what as keyof typeof answers] // the keys of `http` are those of `answers`
      test(`${what} is a ${failure.name}, and the block is stored once it is over`, async (t) => {
        const { proxy, delivery, stored, block } = await openWarm(t)
        await proxy.set({ kind: 'answer', ...answer })
        const error = await rejects(delivery.write(block), failure)
        if (error instanceof RetryableError && answer.headers?.['retry-after']) assert.equal(error.afterMs, 7000)
        await proxy.set({ kind: 'none' })
        await delivered(delivery, block)
        await delivery.holds([...stored, ...block.records])
      })
    }
  })
}

/** What can happen to a connection that is open. */
const faults: Record<string, Fault> = {
  'a server that went down': { kind: 'refuse' },
  'a connection that is reset': { kind: 'reset' },
  'a connection that is cut in the middle of the block': { kind: 'cut', requestBytes: 3000 }, // 200 records are more, however well they are compressed
  'a server that does not answer in time': { kind: 'hang' },
  'a reply that is lost after the block was stored': { kind: 'lose-reply' },
}

interface Spoilt {
  readonly proxy: FaultProxy
  readonly delivery: Delivery
}

async function openSpoilt(
  t: TestContext,
  harness: SinkFailureHarness,
  fault: Fault,
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<Spoilt> {
  const place = await harness.fresh(t)
  const opened = new AsyncDisposableStack()
  t.after(() => opened.disposeAsync())
  const proxy = opened.use(await openFaultProxy({ port: harness.port(place) }))
  await proxy.set(fault)
  const delivery = opened.use(
    await openDelivery(harness, place, { ...harness.through(place, proxy.port), ...overrides }),
  )
  return { proxy, delivery }
}

/** Asserts the class of the failure, and that its message is a sentence with a cause behind it. */
async function rejects(writing: Promise<unknown>, failure: Failure): Promise<Error> {
  const error = await writing.then(
    () => assert.fail(`resolved instead of throwing ${failure.name}`),
    (error: unknown) => error,
  )
  assert.ok(error instanceof failure, `${failure.name} expected, not ${error}`)
  assert.match(error.message, /^\S.*[^\s]$/s)
  return error
}

/** Sends the block as the pump does: again and again while that is what the sink asks for. */
async function delivered(delivery: Delivery, block: ReturnType<typeof aBlock>): Promise<void> {
  await until(() => delivery.deliver(again(block), patience()).then(() => true), {
    what: 'the sink to deliver again',
    timeoutMs: 30_000,
  })
}
