import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attempt } from '../../pump/attempt.ts'
import type { Log } from '../../runtime/log.ts'
import { type Block, RetryableError, type Sink } from '../../sinks/sink.ts'

const block: Block = {
  ...{ token: 't', records: [], shard: '0', incarnation: 'i' },
  ...{ seq: 0, endSeq: 0, appendedAtMs: 0, repeated: false },
  each: () => [],
}

test('a backend that asks for hours is asked again after half a minute', async () => {
  const stop = new AbortController()
  const waits: unknown[] = []
  const log: Log = (_level, _sentence, fields) => {
    waits.push(fields?.afterMs)
    stop.abort(new Error('The test has seen enough.'))
  }
  const sink: Sink = {
    async write() {
      throw new RetryableError('busy', { afterMs: 3 * 3_600_000 })
    },
    async [Symbol.asyncDispose]() {},
  }
  const observer = { onState() {}, onError() {}, onWrite() {} }
  const { signal } = stop
  const options = {
    name: 'sink',
    sink,
    isEmpty: () => false,
    signal,
    haltedRetryMs: 1,
    writeTimeoutMs: 1e6,
    log,
    observer,
  }
  await assert.rejects(
    attempt(() => block, options),
    /seen enough/,
  )
  assert.deepEqual(waits, [30_000])
})

test('a write that takes too long says so, whatever the driver makes of the abort', async () => {
  const stop = new AbortController()
  const reasons: unknown[] = []
  const log: Log = (_level, _sentence, fields) => {
    reasons.push(fields?.reason)
    stop.abort(new Error('The test has seen enough.'))
  }
  const sink: Sink = {
    write: (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new TypeError('terminated')))),
    async [Symbol.asyncDispose]() {},
  }
  const observer = { onState() {}, onError() {}, onWrite() {} }
  const times = { haltedRetryMs: 1, writeTimeoutMs: 20 }
  await assert.rejects(
    attempt(() => block, { name: 'sink', sink, isEmpty: () => false, signal: stop.signal, ...times, log, observer }),
    /seen enough/,
  )
  assert.deepEqual(reasons, ['The write was ended after 20 ms (writeTimeoutMs).'])
})
