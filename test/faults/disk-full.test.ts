import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRecorder } from '../../buffer/recorder.ts'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { openPump } from '../../pump/pump.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'
import { mountSmallDisk } from '../chaos/disk.ts'
import { aPumpSink, Backend, pumpOptions, sinkInto } from '../pump/log.ts'
import { until } from '../services/until.ts'

const mib = 1024 * 1024

/** A log on a file system of 128 MiB: twice what it leaves free for settles. */
async function onSmallDisk() {
  await using opening = new AsyncDisposableStack()
  const dir = opening.adopt(await mkdtemp(join(tmpdir(), 'penstock-disk-')), (path) => rm(path, { recursive: true }))
  const disk = await mountSmallDisk(dir, 128 * mib)
  assert.ok(disk, 'a tmpfs can be mounted: run the tests as root')
  opening.use(disk)
  const recorder = opening.use(await openRecorder({ local: { dir, maxBytes: 100 * mib }, ringBytes: mib, log: noLog }))
  const backend = new Backend()
  const log = { open: () => openSqliteBuffer({ dir, maxBytes: 100 * mib }) }
  opening.use(await openPump(pumpOptions(log, [aPumpSink(sinkInto(backend))])))
  const opened = opening.move()
  return { disk, recorder, backend, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Fills the disk while records are made and delivered; each record that was taken is there once in the end, each other one was counted. */
async function assertRecovers(leaveBytes: number): Promise<void> {
  await using opened = await onSmallDisk()
  const { disk, recorder, backend } = opened
  const taken = new Set<string>()
  let refused = 0
  const record = () => {
    const one = aRecord()
    if (recorder.record(one)) taken.add(one.id)
    else refused++
  }
  for (let i = 0; i < 1000; i++) record()
  await until(() => backend.ids().length === 1000, { what: 'records to arrive before the disk is full' })
  await disk.fill(leaveBytes)
  await until(
    () => {
      for (let i = 0; i < 500; i++) record()
      return refused > 0
    },
    { what: 'the ring to be full', timeoutMs: 60_000 },
  )
  await disk.empty()
  await until(() => recorder.counts.ringRecords === 0, { what: 'the ring to be taken again', timeoutMs: 30_000 })
  for (let i = 0; i < 100; i++) record()
  await until(() => backend.ids().length === taken.size, { what: 'all that was taken to arrive', timeoutMs: 30_000 })
  assert.deepEqual(new Set(backend.ids()), taken)
  const { made, appended, refused: counted } = recorder.counts
  assert.equal(counted.ring_full, refused)
  assert.equal(made, appended + refused)
}

test('on a disk that is full but for its reserve records wait, the newest are refused and counted, and it recovers alone', async () => {
  await assertRecovers(32 * mib)
})

test('on a disk without a byte left nothing that was taken is lost, and it recovers alone', async () => {
  await assertRecovers(0)
})
