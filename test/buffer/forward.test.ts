import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  BufferFullError,
  BufferUnavailableError,
  type Buffer as Log,
  type ProducerReport,
} from '../../buffer/buffer.ts'
import { type Forwarder, type ForwarderOptions, forwardReader, openForwarder } from '../../buffer/forward.ts'
import type { SqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import type { Level } from '../../runtime/log.ts'
import { until } from '../services/until.ts'
import { aBoot, append, type Faults, paths, pathsIn, spoolFolder, withFaults } from './spooled.ts'

const minutes = 600_000
const soon = () => AbortSignal.timeout(20_000)

interface Setup extends AsyncDisposable {
  readonly local: SqliteBuffer
  readonly remote: SqliteBuffer
  readonly faults: Faults
  readonly lines: [Level, string][]
  /** Starts a forwarder between the two, ended with the set-up at the latest. */
  start(options?: Partial<ForwarderOptions>): Forwarder
}

async function setUp(t: TestContext): Promise<Setup> {
  const opened = new AsyncDisposableStack()
  const local = opened.use(await (await spoolFolder(t)).open({ keepMs: minutes }))
  const remote = opened.use(await (await spoolFolder(t)).open())
  const faults: Faults = {}
  const lines: [Level, string][] = []
  return {
    ...{ local, remote, faults, lines },
    start: (options) =>
      opened.use(
        openForwarder({
          local,
          keepMs: minutes,
          openRemote: async () => withFaults(remote, faults),
          owner: 'gateway-1',
          log: (level, sentence) => lines.push([level, sentence]),
          ...options,
        }),
      ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

async function forwardLedger(local: Log) {
  const [shard] = await local.inspect()
  return shard?.ledgers.find(({ sink }) => sink === forwardReader)
}

async function producersOf(log: Log): Promise<readonly ProducerReport[]> {
  return (await log.inspect()).flatMap(({ producers }) => producers.map((producer) => ({ ...producer })))
}

test('what the spool holds arrives in the shared log, in order and once, and is settled', async (t) => {
  await using setup = await setUp(t)
  const { local, remote } = setup
  const boot = aBoot()
  await append(local, boot.frame('/a', '/b'), boot.frame('/c'))
  const forwarder = setup.start()
  await until(async () => (await pathsIn(remote)).length === 3)
  await append(local, boot.frame('/d'))
  forwarder.wake()
  await until(() => forwarder.tally.forwarded === 4)
  assert.deepEqual(await pathsIn(remote), ['/a', '/b', '/c', '/d'])
  const { sink, appended, delivered, backlog } = (await forwardLedger(local)) ?? {}
  assert.deepEqual(
    { sink, appended, delivered, backlog },
    { sink: forwardReader, appended: 4, delivered: 4, backlog: 0 },
  )
  assert.deepEqual(setup.lines, [])
})

test('while the shared log cannot be reached records wait, and then drain in order, said once', async (t) => {
  await using setup = await setUp(t)
  const { local, remote, faults } = setup
  const boot = aBoot()
  let refusals = 0
  faults.beforeAppend = () => {
    refusals++
    throw new BufferUnavailableError('no answer')
  }
  setup.start()
  await append(local, boot.frame('/0'))
  await until(() => refusals >= 2)
  for (let i = 1; i < 20; i++) await append(local, boot.frame(`/${i}`))
  assert.equal((await forwardLedger(local))?.backlog, 20, 'nothing is settled that did not arrive')
  delete faults.beforeAppend
  await until(async () => (await forwardLedger(local))?.backlog === 0)
  assert.deepEqual(await pathsIn(remote), paths(20))
  assert.deepEqual(setup.lines, [
    ['warn', 'The shared buffer cannot be reached; records wait in the local one.'],
    ['info', 'The shared buffer takes records again.'],
  ])
})

test('a shared log that is away at the start is found when it comes', async (t) => {
  await using setup = await setUp(t)
  const { local, remote } = setup
  let asked = 0
  setup.start({
    openRemote: async () => {
      if (++asked < 3) throw new BufferUnavailableError('not yet')
      return withFaults(remote, {})
    },
  })
  await append(local, aBoot().frame('/a'))
  await until(async () => (await pathsIn(remote)).length === 1)
})

test('an append whose answer was lost is repeated and leaves nothing twice', async (t) => {
  await using setup = await setUp(t)
  const { local, remote, faults } = setup
  const boot = aBoot()
  await append(local, boot.frame('/0', '/1'), boot.frame('/2'))
  faults.afterAppend = () => {
    delete faults.afterAppend
    throw new BufferUnavailableError('the answer was lost')
  }
  const forwarder = setup.start()
  await until(() => forwarder.tally.forwarded === 3)
  assert.deepEqual(await pathsIn(remote), paths(3))
})

test('a full shared log is waited for', async (t) => {
  await using setup = await setUp(t)
  const { local, remote, faults } = setup
  faults.beforeAppend = () => {
    throw new BufferFullError('no room')
  }
  await append(local, aBoot().frame('/a'))
  setup.start()
  await until(() => setup.lines.length === 1)
  delete faults.beforeAppend
  await until(async () => (await pathsIn(remote)).length === 1)
  assert.deepEqual(setup.lines[0], ['error', 'The shared buffer is full; records wait in the local one.'])
})

test('a forwarder that died before it settled begins again, and leaves nothing twice', async (t) => {
  await using setup = await setUp(t)
  const { local, remote } = setup
  const boot = aBoot()
  await append(local, boot.frame('/0'), boot.frame('/1'))
  const unsettled = await local.reader({ sink: forwardReader, shard: '0', owner: 'killed', startAt: 'oldest' })
  await append(remote, ...(await local.framesFrom(boot.producer, 1, 0, { maxBytes: 1e6 })))
  await unsettled?.seal({ from: { offset: 0, index: 0 }, to: { offset: 1, index: 0 }, token: 'x', shape: '{}' })
  await unsettled?.[Symbol.asyncDispose]()
  setup.start()
  await append(local, boot.frame('/2'))
  await until(async () => (await forwardLedger(local))?.backlog === 0)
  assert.deepEqual(await pathsIn(remote), paths(3))
  assert.equal((await forwardLedger(local))?.delivered, 3)
})

test('frames of earlier boots go first', async (t) => {
  await using setup = await setUp(t)
  const { local, remote } = setup
  const { producer } = aBoot()
  for (const boot of [1, 2, 3]) await append(local, aBoot({ producer, boot }).frame(`/${boot}`))
  setup.start()
  await until(async () => (await forwardLedger(local))?.backlog === 0)
  assert.deepEqual(await pathsIn(remote), ['/1', '/2', '/3'])
})

test('thousands of frames drain in order', async (t) => {
  await using setup = await setUp(t)
  const { local, remote } = setup
  const boots = [aBoot(), aBoot()] as const
  const frames = Array.from({ length: 2000 }, (_, i) => boots[i % 7 === 0 ? 1 : 0].frame(...paths(10, `${i}/`)))
  for (const frame of frames) await append(local, frame)
  const forwarder = setup.start()
  await forwarder.finish(soon())
  assert.deepEqual(await pathsIn(remote), Array.from({ length: 2000 }, (_, i) => paths(10, `${i}/`)).flat())
  assert.equal(forwarder.tally.forwarded, 20_000)
})

test('a shared log that lost its tail is mended out of the spool, also where nothing new comes', async (t) => {
  await using setup = await setUp(t)
  const { local, start } = setup
  const whole = await spoolFolder(t)
  const boot = aBoot()
  const first = boot.frame('/0')
  let remote = await whole.open()
  await append(remote, first)
  await remote[Symbol.asyncDispose]()
  const older = await whole.copy()
  remote = await whole.open()
  const forwarder = start({ openRemote: async () => withFaults(remote, {}), mendEveryMs: 10 })
  await append(local, first, boot.frame('/1'), boot.frame('/2'))
  await until(() => forwarder.tally.forwarded === 3)
  await remote[Symbol.asyncDispose]()

  remote = await older.open()
  await until(async () => (await pathsIn(remote)).length === 3)
  await append(local, boot.frame('/3'))
  await until(async () => (await pathsIn(remote)).length === 4)
  assert.deepEqual(await pathsIn(remote), paths(4))
  assert.equal(forwarder.tally.forwarded, 4)
  assert.equal(forwarder.tally.skipped, 0)
  await forwarder[Symbol.asyncDispose]()
  await remote[Symbol.asyncDispose]()
})

test('a gap in the shared log is filled when the next frame meets it', async (t) => {
  await using setup = await setUp(t)
  const { local, remote, start, lines } = setup
  const boot = aBoot()
  const lost = await (await spoolFolder(t)).open()
  await append(local, boot.frame('/0'), boot.frame('/1'))
  await start({ openRemote: async () => withFaults(lost, {}) }).finish(soon())
  await append(local, boot.frame('/2'))
  const forwarder = start()
  await forwarder.finish(soon())
  assert.deepEqual(await pathsIn(remote), paths(3))
  assert.equal(forwarder.tally.forwarded, 1)
  assert.deepEqual(lines, [['warn', 'The shared buffer lacked frames; they were appended again.']])
  await lost[Symbol.asyncDispose]()
})

test('what neither log has any more is passed over, and its records are counted', async (t) => {
  await using setup = await setUp(t)
  const { remote, start, lines } = setup
  const local = await (await spoolFolder(t)).open()
  const boot = aBoot()
  await append(local, boot.frame(...paths(5)), boot.frame(...paths(6)))
  const lost = await (await spoolFolder(t)).open()
  await start({ local, keepMs: 0, openRemote: async () => withFaults(lost, {}) }).finish(soon())
  assert.equal(await local.trim(), 2)
  await append(local, boot.frame('/left'))
  const forwarder = start({ local, keepMs: 0 })
  await forwarder.finish(soon())
  assert.deepEqual(await pathsIn(remote), ['/left'])
  assert.deepEqual(await producersOf(remote), [
    { producer: boot.producer, boot: 1, nextSeq: 3, appended: 1, skipped: 11 },
  ])
  assert.deepEqual({ ...forwarder.tally }, { forwarded: 1, skipped: 11 })
  assert.deepEqual(lines, [['error', 'The shared buffer lacked frames that are gone here too; they were passed over.']])
  await local[Symbol.asyncDispose]()
  await lost[Symbol.asyncDispose]()
})

test('a torn frame is passed over and counted, kept for whoever wants to look, and harms no other', async (t) => {
  await using setup = await setUp(t)
  const { remote, start } = setup
  const folder = await spoolFolder(t)
  const local = await folder.open({ keepMs: minutes })
  const boot = aBoot()
  await append(local, aBoot().frame('/other'))
  await append(local, boot.frame('/0'), boot.frame('/1', '/2'), boot.frame('/3'))
  folder.tear(1)
  const forwarder = start({ local })
  await forwarder.finish(soon())
  assert.deepEqual(await pathsIn(remote), ['/other', '/0', '/3'])
  const report = (await producersOf(remote)).find(({ producer }) => producer === boot.producer)
  assert.deepEqual(report, { producer: boot.producer, boot: 1, nextSeq: 3, appended: 2, skipped: 2 })
  assert.deepEqual({ ...forwarder.tally }, { forwarded: 3, skipped: 2 })
  const ledger = await forwardLedger(local)
  assert.deepEqual([ledger?.delivered, ledger?.deadLettered, ledger?.backlog], [3, 2, 0])
  const [letter] = await local.deadLetters(forwardReader, { limit: 1 })
  assert.ok(letter && Buffer.from(letter.bytes).includes('torn'))
  await local[Symbol.asyncDispose]()
})

test('a torn last frame of a boot is passed over too', async (t) => {
  await using setup = await setUp(t)
  const { remote, start } = setup
  const folder = await spoolFolder(t)
  const local = await folder.open({ keepMs: minutes })
  const boot = aBoot()
  await append(local, boot.frame('/0'), boot.frame('/1'))
  folder.tear(1)
  await start({ local }).finish(soon())
  assert.deepEqual(await producersOf(remote), [
    { producer: boot.producer, boot: 1, nextSeq: 2, appended: 1, skipped: 1 },
  ])
  await local[Symbol.asyncDispose]()
})

test('of two processes on one spool one forwards, and the other goes on when it ends', async (t) => {
  await using setup = await setUp(t)
  const { local, remote, start } = setup
  const boot = aBoot()
  const first = start({ owner: 'gateway-1' })
  await append(local, boot.frame('/0'))
  await until(() => first.tally.forwarded === 1)
  const second = start({ owner: 'gateway-2' })
  await append(local, boot.frame('/1'))
  await until(() => first.tally.forwarded === 2)
  await first[Symbol.asyncDispose]()
  await append(local, boot.frame('/2'))
  await until(() => second.tally.forwarded === 1)
  assert.deepEqual(await pathsIn(remote), paths(3))
})

test('what was forwarded leaves the spool when it is old enough', async (t) => {
  await using setup = await setUp(t)
  const local = await (await spoolFolder(t)).open({ keepMs: 0 })
  await append(local, aBoot().frame('/a'))
  const forwarder = setup.start({ local, keepMs: 0 })
  await until(async () => (await local.inspect())[0]?.bytes === 0)
  await forwarder[Symbol.asyncDispose]()
  await local[Symbol.asyncDispose]()
})

test('a forwarder that is told to finish gives up where the shared log cannot be reached', async (t) => {
  await using setup = await setUp(t)
  const { local, faults, start } = setup
  await append(local, aBoot().frame('/a'))
  faults.beforeAppend = () => {
    throw new BufferUnavailableError('no answer')
  }
  const forwarder = start()
  await until(() => setup.lines.length > 0)
  await forwarder.finish(AbortSignal.timeout(60_000))
  assert.equal((await forwardLedger(local))?.backlog, 1)
})
