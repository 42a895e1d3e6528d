import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { attempt } from '../../pump/attempt.ts'
import { noLog } from '../../runtime/log.ts'
import { type Block, RetryableError, type Sink } from '../../sinks/sink.ts'

const block: Block = {
  ...{ token: 't', records: [], shard: '0', incarnation: 'i' },
  ...{ seq: 0, endSeq: 0, appendedAtMs: 0, repeated: false },
  each: () => [],
}

/** Attempts a block with a sink that does as it is told, under a clock that the test moves. */
function attempting(t: TestContext, write: Sink['write']) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { promise: waiting, resolve: onError } = Promise.withResolvers<void>()
  const observer = { onState() {}, onError: () => onError(), onWrite() {} }
  const sink: Sink = { write, async [Symbol.asyncDispose]() {} }
  const { signal } = new AbortController()
  const options = { name: 'sink', sink, isEmpty: () => false, signal, haltedRetryMs: 1, log: noLog, observer }
  return { waiting, attempted: attempt(() => block, options) }
}

test('a backend that asks for hours is asked again after half a minute', async (t) => {
  let writes = 0
  const { waiting, attempted } = attempting(t, async () => {
    if (++writes === 1) throw new RetryableError('busy', { afterMs: 3 * 3_600_000 })
    return undefined
  })
  await waiting
  t.mock.timers.tick(30_000)
  assert.equal((await attempted).stored, true)
})
