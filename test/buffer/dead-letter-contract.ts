import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FencedError, type Reader, type Settlement } from '../../buffer/buffer.ts'
import type { MinuteSum } from '../../record/minute-sum.ts'
import { at, ledger, type MakeLog, nothingElse, sealTo, take, tenRecords, textOf } from './scratch-log.ts'

const aLetter = (reason: string) => ({ form: 'json', bytes: Buffer.from(`{"id":"${reason}"}`), reason }) as const

/** A new log whose sink `a` has one dead letter for each of these reasons, of ten records. */
async function withLetters(make: MakeLog, ...reasons: readonly string[]) {
  const opened = await tenRecords(make)
  const { log, reader } = opened
  const delivered = 10 - reasons.length
  await settleTo(reader, 0, 10, { delivered, filtered: 0, deadLetters: reasons.map(aLetter) })
  const ids = (await log.deadLetters('a', { limit: 10 })).map(({ id }) => id)
  return { ...opened, ids }
}

async function settleTo(reader: Reader, from: number, to: number, settlement: Settlement): Promise<void> {
  await reader.settle(await sealTo(reader, at(from), at(to)), settlement)
}

/** What holds of records that a sink refused, and of delivering them again, whatever keeps the log. */
export function deadLetterContract(make: MakeLog): void {
  test('dead letters are listed oldest first, page by page, each sink’s by itself', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    const other = await take(log, { sink: 'b' })
    await settleTo(reader, 0, 2, { delivered: 0, filtered: 0, deadLetters: ['1', '2'].map(aLetter) })
    await settleTo(other, 0, 2, { delivered: 1, filtered: 0, deadLetters: [aLetter('other')] })
    await settleTo(reader, 2, 4, { delivered: 0, filtered: 0, deadLetters: ['3', '4'].map(aLetter) })
    const reasons = async (sink: string, page: { limit: number; after?: number }) =>
      (await log.deadLetters(sink, page)).map(({ reason }) => reason)
    const ids = (await log.deadLetters('a', { limit: 100 })).map(({ id }) => id)
    assert.deepEqual(
      ids,
      [...new Set(ids)].sort((a, b) => a - b),
    )
    for (const id of ids) assert.ok(Number.isSafeInteger(id))
    assert.deepEqual(await reasons('a', { limit: 3 }), ['1', '2', '3'])
    assert.deepEqual(await reasons('a', { limit: 3, after: ids[2]! }), ['4'])
    assert.deepEqual(await reasons('a', { limit: 1, after: ids[0]! }), ['2'])
    assert.deepEqual(await reasons('a', { limit: 100, after: ids[3]! }), [])
    assert.deepEqual(await reasons('b', { limit: 100 }), ['other'])
    assert.deepEqual(await reasons('none', { limit: 100 }), [])
    await log.dropDeadLetters('a', [ids[1]!])
    assert.deepEqual(
      await reasons('a', { limit: 1, after: ids[1]! }),
      ['3'],
      'the last of a page may be gone meanwhile',
    )
  })

  test('a dead letter that is dropped is gone and stays counted', async () => {
    await using opened = await withLetters(make, '1', '2', '3')
    const { log, ids } = opened
    await take(log, { sink: 'b' })
    assert.equal(await log.dropDeadLetters('b', ids), 0, 'another sink’s')
    assert.equal(await log.dropDeadLetters('a', []), 0)
    assert.equal(await log.dropDeadLetters('a', [ids[0]!, ids[2]!, ids[0]!, 999_999]), 2)
    assert.equal(await log.dropDeadLetters('a', [ids[0]!, ids[2]!]), 0)
    assert.deepEqual(
      (await log.deadLetters('a', { limit: 10 })).map(({ reason }) => reason),
      ['2'],
    )
    const { delivered, deadLettered, deadLettersHeld } = await ledger(log)
    assert.deepEqual(
      { delivered, deadLettered, deadLettersHeld },
      { delivered: 7, deadLettered: 3, deadLettersHeld: 1 },
    )
  })

  test('dead letters that are to be delivered again make a batch that stays as it is, whoever owns the sink', async () => {
    await using opened = await withLetters(make, '1', '2', '3')
    const { scratch, log, reader, ids } = opened
    assert.deepEqual(await reader.retries(), [])
    assert.equal(await log.retryDeadLetters('a', [ids[1]!, ids[0]!, ids[0]!, 999_999]), 2)
    const [batch, ...others] = await reader.retries()
    assert.deepEqual(others, [])
    assert.deepEqual(
      batch!.letters.map(({ id, reason, isRetried, ...letter }) => ({ id, reason, isRetried, text: textOf(letter) })),
      [
        { id: ids[0], reason: '1', isRetried: true, text: '{"id":"1"}' },
        { id: ids[1], reason: '2', isRetried: true, text: '{"id":"2"}' },
      ],
    )
    assert.deepEqual(
      (await log.deadLetters('a', { limit: 10 })).map(({ isRetried }) => isRetried),
      [true, true, false],
    )
    assert.equal(await log.retryDeadLetters('a', [ids[0]!]), 0)
    assert.equal(await log.dropDeadLetters('a', ids), 1, 'those in a batch stay')
    const next = await take(await scratch.open())
    assert.deepEqual(await next.retries(), [batch])
    assert.deepEqual(await (await take(log, { sink: 'b' })).retries(), [])
  })

  test('batches are settled in any order; each has a greater number than all before', async () => {
    await using opened = await withLetters(make, '1', '2', '3')
    const { log, reader, ids } = opened
    for (const id of ids.slice(0, 2)) assert.equal(await log.retryDeadLetters('a', [id]), 1)
    const [first, second] = await reader.retries()
    assert.ok(first!.id < second!.id)
    assert.deepEqual(await reader.retries({ limit: 1 }), [first])
    await reader.settleRetry(second!, { rejected: new Map() })
    assert.deepEqual(await reader.retries(), [first])
    await reader.settleRetry(first!, { rejected: new Map() })
    assert.deepEqual(await reader.retries(), [])
    assert.equal(await log.retryDeadLetters('a', ids), 1)
    const [third] = await reader.retries()
    assert.ok(third!.id > second!.id)
  })

  test('settling a batch moves what was delivered, and gives the rest its new reason and its place back, together and once', async () => {
    await using opened = await withLetters(make, '1', '2', '3')
    const { scratch, log, reader, ids } = opened
    const before = await log.deadLetters('a', { limit: 10 })
    await log.retryDeadLetters('a', ids)
    const [batch] = await reader.retries()
    const minutes = [{ minute: 29_000_000, records: 2, idSum: 5 }]
    const state = new Map([['k', Buffer.from('v')]])
    const rejected = new Map([[ids[1]!, 'still bad: „nein“']])
    for (let i = 0; i < 2; i++) await reader.settleRetry(batch!, { rejected, minutes, state })
    const { delivered, deadLettered, deadLettersHeld, backlog } = await ledger(log)
    assert.deepEqual(
      { delivered, deadLettered, deadLettersHeld, backlog },
      { delivered: 9, deadLettered: 1, deadLettersHeld: 1, backlog: 0 },
    )
    assert.deepEqual(await log.deadLetters('a', { limit: 10 }), [{ ...before[1], reason: 'still bad: „nein“' }])
    assert.deepEqual(await log.minutes('a', { from: 0, to: 30_000_000 }), minutes)
    const next = await take(await scratch.open())
    assert.deepEqual(await next.retries(), [])
    assert.equal(textOf({ bytes: next.state.get('k')! }), 'v')
    assert.equal(await log.retryDeadLetters('a', ids), 1, 'it may be tried once more')
    const [again] = await next.retries()
    await next.settleRetry(batch!, { rejected: new Map(), minutes })
    assert.deepEqual(
      await next.retries(),
      [again],
      'what was settled long ago touches no later batch of the same letter',
    )
    await next.settleRetry(again!, { rejected: new Map([[ids[1]!, 'worse']]) })
    assert.equal(await log.dropDeadLetters('a', ids), 1)
    assert.equal((await ledger(log)).delivered, 9)
  })

  test('what cannot be decoded is not delivered again', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    const torn = { form: 'undecodable', bytes: Buffer.from([0, 255]), reason: 'torn' } as const
    await settleTo(reader, 0, 10, { delivered: 8, filtered: 0, deadLetters: [torn, aLetter('bad')] })
    const ids = (await log.deadLetters('a', { limit: 10 })).map(({ id }) => id)
    assert.equal(await log.retryDeadLetters('a', [ids[0]!]), 0)
    assert.deepEqual(await reader.retries(), [])
    assert.equal(await log.retryDeadLetters('a', ids), 1)
  })

  test('an owner that was overtaken cannot settle a batch', async () => {
    await using opened = await withLetters(make, '1')
    const { scratch, log, reader, ids } = opened
    await log.retryDeadLetters('a', ids)
    const [batch] = await reader.retries()
    const owner = await take(await scratch.open())
    await assert.rejects(reader.settleRetry(batch!, { rejected: new Map() }), FencedError)
    assert.deepEqual(await owner.retries(), [batch])
    assert.equal((await ledger(log)).deadLettered, 1)
  })

  test('a sink that is retired takes its batches with it', async () => {
    await using opened = await withLetters(make, '1')
    const { log, ids } = opened
    await log.retryDeadLetters('a', ids)
    await log.retire('a')
    assert.equal(await log.retryDeadLetters('a', ids), 0)
    assert.equal(await log.dropDeadLetters('a', ids), 0)
    const again = await take(log, { startAt: 'now' })
    assert.deepEqual(await again.retries(), [])
    assert.equal((await ledger(log)).deadLettersHeld, 0)
  })

  test('the minute ledger adds up what settles say, minute by minute, modulo 2^48', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    const now = Math.floor(Date.now() / 60_000)
    const most = 2 ** 48 - 1
    await settleTo(reader, 0, 2, {
      ...{ delivered: 2, ...nothingElse },
      minutes: [
        { minute: now, records: 1, idSum: most },
        { minute: now + 60, records: 1, idSum: 7 },
      ],
    })
    await settleTo(reader, 2, 4, { delivered: 2, ...nothingElse, minutes: [{ minute: now, records: 2, idSum: most }] })
    await settleTo(reader, 4, 6, { delivered: 2, ...nothingElse })
    const many = Array<MinuteSum>(39).fill({ minute: now, records: 1, idSum: most })
    await settleTo(reader, 6, 8, { delivered: 2, ...nothingElse, minutes: many }) // more than a number could hold without a modulus
    const sums = [
      { minute: now, records: 42, idSum: most - 40 },
      { minute: now + 60, records: 1, idSum: 7 },
    ]
    assert.deepEqual(await log.minutes('a', { from: now, to: now + 61 }), sums)
    assert.deepEqual(await log.minutes('a', { from: now + 1, to: now + 61 }), sums.slice(1))
    assert.deepEqual(await log.minutes('a', { from: now, to: now + 60 }), sums.slice(0, 1), '`to` is not in it')
    await take(log, { sink: 'b' })
    assert.deepEqual(await log.minutes('b', { from: 0, to: now + 61 }), [])
    await log.retire('a')
    assert.deepEqual(await log.minutes('a', { from: 0, to: now + 61 }), [])
  })

  test('minutes leave the ledger once they are older than it keeps', async () => {
    await using opened = await tenRecords(make)
    const { log, reader } = opened
    const now = Math.floor(Date.now() / 60_000)
    const old = now - 41 * 24 * 60
    const young = now - 39 * 24 * 60
    const minutes = [old, young, 5, now].map((minute) => ({ minute, records: 1, idSum: 1 }))
    await settleTo(reader, 0, 2, { delivered: 2, ...nothingElse, minutes })
    const kept = async () => (await log.minutes('a', { from: 0, to: now + 1 })).map(({ minute }) => minute)
    assert.deepEqual(await kept(), [5, old, young, now])
    await log.trim()
    assert.deepEqual(await kept(), [young, now])
    await settleTo(reader, 2, 4, { delivered: 2, ...nothingElse, minutes: minutes.slice(0, 2) })
    assert.deepEqual(await kept(), [old, young, now])
    await log.trim()
    assert.deepEqual(await kept(), [young, now])
  })
}
