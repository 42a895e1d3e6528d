import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { FencedError, type Reader } from '../../buffer/buffer.ts'
import { until } from '../services/until.ts'
import {
  afterDeath,
  aProducer,
  append,
  type LogAddress,
  ledger,
  type MakeLog,
  nothingElse,
  readAll,
  sealTo,
  take,
  tryTake,
} from './scratch-log.ts'

const begin = { offset: 0, index: 0 }
const end = { offset: 4, index: 0 }

/** What holds of owning a sink's reading end, whatever keeps the log. */
export function ownershipContract(make: MakeLog): void {
  test('while one owner has a sink no other gets it; a new one has it at once when it is let go', async () => {
    await using scratch = await make()
    const first = await take(await scratch.open(), { owner: 'o1' })
    const other = await scratch.open()
    assert.equal(await tryTake(other, { owner: 'o2' }), undefined)
    await take(other, { owner: 'o2', sink: 'b' })
    await first[Symbol.asyncDispose]()
    await first[Symbol.asyncDispose]()
    const second = await take(other, { owner: 'o2' })
    assert.ok(second.fence > first.fence)
    assert.equal(second.lost.aborted, false)
  })

  test('a log that is closed lets go of its sinks', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await take(log, { owner: 'o1' })
    await log[Symbol.asyncDispose]()
    await take(await scratch.open(), { owner: 'o2' })
  })

  test('an owner that was overtaken hears of it, and can change nothing any more', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await append(log, aProducer().frames(2, 2))
    const zombie = await take(log)
    const seal = await sealTo(zombie, begin, end)
    const owner = await take(await scratch.open())
    const settlement = {
      ...{ delivered: 0, filtered: 0, state: new Map([['k', Buffer.from('zombie')]]) },
      deadLetters: [{ form: 'json', bytes: Buffer.from('{}'), reason: 'zombie' }],
    } as const
    await assert.rejects(zombie.settle(seal, settlement), FencedError)
    await assert.rejects(zombie.split(seal, { offset: 2, index: 0 }, ['l', 'r']), FencedError)
    await assert.rejects(zombie.evict(end, 4), FencedError)
    await assert.rejects(zombie.settleRetry({ id: 1, letters: [] }, { rejected: new Map() }), FencedError)
    await assert.rejects(sealTo(zombie, begin, end), FencedError)
    await assert.rejects(zombie.seal({ from: end, to: { offset: 5, index: 0 }, token: 't', shape: '{}' }), FencedError)
    assert.equal((await readAll(zombie)).length, 2)
    await until(() => zombie.lost.aborted, { what: 'the zombie to hear of it' })
    assert.ok(zombie.lost.reason instanceof FencedError)
    await zombie[Symbol.asyncDispose]()
    assert.equal(await tryTake(log, { owner: 'o2' }), undefined, 'the zombie let go of what was not its own')

    assert.deepEqual(owner.seals, afterDeath(seal))
    await owner.settle(seal, { delivered: 4, ...nothingElse })
    assert.equal((await ledger(log)).delivered, 4)
    assert.deepEqual(await log.deadLetters('a', { limit: 1 }), [])
    assert.equal(owner.lost.aborted, false)
    assert.equal((await take(await scratch.open())).state.size, 0)
  })

  test('an owner that was overtaken cannot even repeat a settle of its own', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await append(log, aProducer().frames(2, 2))
    const zombie = await take(log)
    const seal = await sealTo(zombie, begin, end)
    await zombie.settle(seal, { delivered: 4, ...nothingElse })
    await take(log)
    await assert.rejects(zombie.settle(seal, { delivered: 4, ...nothingElse }), FencedError)
  })

  test('a seal counts the owners that ended without letting go; those that let go are not counted', async () => {
    await using scratch = await make()
    const log = await scratch.open()
    await append(log, aProducer().frames(2, 2, 2))
    const deaths = (reader: Reader) => reader.seals.map((seal) => seal.deaths)
    const first = await take(log)
    const seal = await sealTo(first, begin, end)
    assert.equal(seal.deaths, 0)
    await first[Symbol.asyncDispose]()
    const second = await take(log, { owner: 'o2' })
    assert.deepEqual(deaths(second), [0])
    await take(log, { sink: 'b' })
    const third = await take(await scratch.open(), { owner: 'o2' })
    assert.deepEqual(deaths(third), [1])
    const late = await sealTo(third, end, { offset: 6, index: 0 })
    assert.equal(late.deaths, 0)
    assert.equal((await sealTo(third, end, { offset: 6, index: 0 })).deaths, 0)
    const fourth = await take(await scratch.open(), { owner: 'o2' })
    assert.deepEqual(deaths(fourth), [2, 1])
    const halves = await fourth.split(fourth.seals[0]!, { offset: 1, index: 0 }, ['l', 'r'])
    assert.deepEqual(
      halves.map((half) => half.deaths),
      [2, 2],
    )
    await fourth[Symbol.asyncDispose]()
    assert.deepEqual(deaths(await take(log)), [2, 2, 1])
  })

  test('an owner keeps its lease for as long as it lives; when it is killed another gets the sink within seconds', async (t) => {
    await using scratch = await make()
    const log = await scratch.open()
    const owner = await openOwner(scratch.address)
    t.after(() => owner.kill('SIGKILL'))
    await until(async () => (await log.inspect())[0]?.ledgers.length)
    assert.equal(await tryTake(log, { owner: 'o2' }), undefined)
    owner.kill('SIGKILL')
    await once(owner, 'close')
    await until(() => tryTake(log, { owner: 'o2' }), { what: 'the lease of the killed owner to end' })
  })
}

/** Another process that has taken sink `a`. */
export async function openOwner(address: LogAddress) {
  const file = new URL('./owner.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [file, JSON.stringify(address)], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}
