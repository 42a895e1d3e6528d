import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forwardReader } from '../../buffer/forward.ts'
import { until } from '../services/until.ts'
import { forwardLedger, minutes, openForwarding, producersOf, soon } from './forwarding.ts'
import { aBoot, append, paths, pathsIn, spoolFolder, withFaults } from './spooled.ts'

test('a shared log that lost its tail is mended out of the spool, also where nothing new comes', async (t) => {
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
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
  await using setup = await openForwarding(t)
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

test('what a boot that has ended left behind, and neither log has any more, is counted as well', async (t) => {
  await using setup = await openForwarding(t)
  const { remote, start, lines } = setup
  const folder = await spoolFolder(t)
  const local = await folder.open()
  const boot = aBoot()
  await append(local, boot.frame(...paths(5)), boot.frame(...paths(6)))
  const lost = await (await spoolFolder(t)).open()
  await start({ local, openRemote: async () => withFaults(lost, {}) }).finish(soon())
  assert.equal(await local.trim(), 2)
  await start({ local }).finish(soon())
  await start({ local }).finish(soon())
  assert.deepEqual(await producersOf(remote), [
    { producer: boot.producer, boot: 1, nextSeq: 2, appended: 0, skipped: 11 },
  ])
  assert.deepEqual(lines, [['error', 'The shared buffer lacked frames that are gone here too; they were passed over.']])
  await local[Symbol.asyncDispose]()
  await lost[Symbol.asyncDispose]()
})

test('a torn frame is passed over and counted, kept for whoever wants to look, and harms no other', async (t) => {
  await using setup = await openForwarding(t)
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

test('a frame that a newer Penstock made is not passed over: it waits for one that can read it', async (t) => {
  await using setup = await openForwarding(t)
  const { local, remote, start, lines } = setup
  const { bytes, ...frame } = aBoot().frame('/newer')
  const newer = Buffer.from(bytes)
  newer[2]!++ // the version
  await append(local, { ...frame, bytes: newer })
  const forwarder = start()
  await until(() => lines.length > 0)
  await forwarder[Symbol.asyncDispose]()
  assert.deepEqual(await producersOf(remote), [])
  const { backlog, deadLettered } = (await forwardLedger(local)) ?? {}
  assert.deepEqual({ backlog, deadLettered }, { backlog: 1, deadLettered: 0 })
})

test('a torn last frame of a boot is passed over too', async (t) => {
  await using setup = await openForwarding(t)
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
