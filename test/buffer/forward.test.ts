import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BufferFullError, BufferUnavailableError } from '../../buffer/buffer.ts'
import { forwardReader } from '../../buffer/forward.ts'
import { until } from '../services/until.ts'
import { forwardLedger, openForwarding, soon } from './forwarding.ts'
import { aBoot, append, paths, pathsIn, spoolFolder, withFaults } from './spooled.ts'

test('what the spool holds arrives in the shared log, in order and once, and is settled', async (t) => {
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
  const { local, remote } = setup
  const { producer } = aBoot()
  for (const boot of [1, 2, 3]) await append(local, aBoot({ producer, boot }).frame(`/${boot}`))
  setup.start()
  await until(async () => (await forwardLedger(local))?.backlog === 0)
  assert.deepEqual(await pathsIn(remote), ['/1', '/2', '/3'])
})

test('thousands of frames of two boots drain in order', async (t) => {
  await using setup = await openForwarding(t)
  const { local, remote } = setup
  const boots = [aBoot(), aBoot()] as const
  for (let i = 0; i < 20; i++) {
    const boot = boots[i % 3 === 0 ? 1 : 0]
    await append(local, ...Array.from({ length: 100 }, (_, j) => boot.frame(...paths(10, `${i}/${j}/`))))
  }
  const sent = await pathsIn(local)
  const forwarder = setup.start()
  await forwarder.finish(soon())
  assert.equal(forwarder.tally.forwarded, 20_000)
  assert.deepEqual(await pathsIn(remote), sent)
})

test('of two processes on one spool one forwards, and the other goes on when it ends', async (t) => {
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
  const local = await (await spoolFolder(t)).open({ keepMs: 0 })
  await append(local, aBoot().frame('/a'))
  const forwarder = setup.start({ local, keepMs: 0 })
  await until(async () => (await local.inspect())[0]?.bytes === 0)
  await forwarder[Symbol.asyncDispose]()
  await local[Symbol.asyncDispose]()
})

test('a forwarder that is told to finish gives up where the shared log cannot be reached', async (t) => {
  await using setup = await openForwarding(t)
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

test('a forwarder that is told to finish waits for the lease of one that was killed', async (t) => {
  await using setup = await openForwarding(t)
  const { local, remote, start } = setup
  await append(local, aBoot().frame('/a'))
  const killed = await local.reader({ sink: forwardReader, shard: '0', owner: 'killed', startAt: 'oldest' })
  let looks = 0
  const reader: typeof local.reader = (options) => {
    looks++
    return local.reader(options)
  }
  const forwarder = start({ local: Object.assign(Object.create(local), { reader }) })
  await until(() => looks > 0)
  const finished = forwarder.finish(soon())
  await until(() => looks > 1)
  await killed?.[Symbol.asyncDispose]() // its lease ends
  await finished
  assert.deepEqual(await pathsIn(remote), ['/a'])
})

test('a forwarder that is told to finish gives up at the signal where another one forwards', async (t) => {
  await using setup = await openForwarding(t)
  const { local, start } = setup
  await append(local, aBoot().frame('/a'))
  await using _other = await local.reader({ sink: forwardReader, shard: '0', owner: 'other', startAt: 'oldest' })
  await start().finish(AbortSignal.timeout(50))
  assert.equal((await forwardLedger(local))?.backlog, 1)
})
