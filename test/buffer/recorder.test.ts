import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { Registry } from 'prom-client'
import { endOf } from '../../buffer/buffer.ts'
import { openRecorder, type Recorder, type RecorderOptions } from '../../buffer/recorder.ts'
import { registerRecorderMetrics } from '../../buffer/recorder-metrics.ts'
import { aRecord } from '../../record/sample.ts'
import type { Level } from '../../runtime/log.ts'
import { until } from '../services/until.ts'
import { recordAndKill } from './recording.ts'
import { paths, pathsIn, pathsOf, recordsIn, type SpoolFolder, spoolFolder } from './spooled.ts'

const mega = 1024 * 1024

interface Setup extends AsyncDisposable {
  readonly recorder: Recorder
  readonly folder: SpoolFolder
  readonly lines: [Level, string][]
}

async function setUp(
  t: TestContext,
  { local = {}, ...options }: Partial<Omit<RecorderOptions, 'local'>> & { local?: object } = {},
): Promise<Setup> {
  const folder = await spoolFolder(t)
  const lines: [Level, string][] = []
  const recorder = await openRecorder({
    local: { dir: folder.dir, maxBytes: 1024 ** 3, reserveBytes: 0, ...local },
    log: (level, sentence) => lines.push([level, sentence]),
    ...options,
  })
  return { recorder, folder, lines, [Symbol.asyncDispose]: () => recorder[Symbol.asyncDispose]() }
}

/** Every thread that is started from now on in this process. */
function threads(t: TestContext): Worker[] {
  const started: Worker[] = []
  const note = (worker: Worker) => void started.push(worker)
  process.on('worker', note)
  t.after(() => process.off('worker', note))
  return started
}

const pathCounter = () => {
  let next = 0
  return () => `/${next++}`
}

test('a record is durable soon after it was made, without another one', async (t) => {
  await using setup = await setUp(t)
  const record = aRecord({ tags: { a: 'b' }, detail: { requestBody: 'x' } })
  assert.equal(setup.recorder.record(record), true)
  assert.equal(setup.recorder.counts.ringRecords, 1)
  await until(() => setup.recorder.counts.appended === 1)
  await using log = await setup.folder.open()
  assert.deepEqual(await recordsIn(log), [record])
  const { producer, boot } = setup.recorder.producer
  const [report] = await log.inspect()
  assert.deepEqual({ ...report?.producers[0] }, { producer, boot, nextSeq: 1, appended: 1, skipped: 0 })
})

test('whose frames they are is known as soon as the recorder is open', async (t) => {
  await using setup = await setUp(t)
  assert.match(setup.recorder.producer.producer, /^[0-9a-f-]{36}$/)
})

test('disposing makes everything durable, in order, and later records are refused', async (t) => {
  const setup = await setUp(t)
  const path = pathCounter()
  for (let i = 0; i < 5000; i++) setup.recorder.record(aRecord({ path: path() }))
  await setup.recorder[Symbol.asyncDispose]()
  assert.equal(setup.recorder.record(aRecord()), false)
  await setup.recorder[Symbol.asyncDispose]()
  const { made, appended, refused, ringRecords, ringBytes } = setup.recorder.counts
  const none = { ring_full: 0, too_large: 0, invalid: 0, closed: 1 }
  assert.deepEqual(
    { made, appended, refused, ringRecords, ringBytes },
    { made: 5001, appended: 5000, refused: none, ringRecords: 0, ringBytes: 0 },
  )
  await using log = await setup.folder.open()
  assert.deepEqual(await pathsIn(log), paths(5000))
  assert.deepEqual(setup.lines, [])
})

test('what no frame can hold is refused and counted; nothing is thrown', async (t) => {
  await using setup = await setUp(t)
  const { recorder } = setup
  const broken = {
    ...aRecord(),
    get path(): string {
      throw new Error('a fault of ours')
    },
  }
  assert.equal(recorder.record(aRecord({ path: 'x'.repeat(5 * mega) })), false)
  assert.equal(recorder.record(broken), false)
  assert.equal(recorder.record(broken), false)
  assert.equal(recorder.record(aRecord({ detail: { requestBody: 'x'.repeat(5 * mega) } })), true)
  await until(() => recorder.counts.appended === 1)
  assert.deepEqual(recorder.counts.refused, { ring_full: 0, too_large: 1, invalid: 2, closed: 0 })
  assert.deepEqual(setup.lines, [['error', 'A record could not be packed.']])
  await using log = await setup.folder.open()
  const [record] = await recordsIn(log)
  assert.deepEqual(record?.detail?.truncated, ['requestBody'])
})

test('while the log is full the ring fills, then the newest are refused and counted; it recovers alone', async (t) => {
  await using setup = await setUp(t, { ringBytes: 200_000, local: { maxBytes: 100_000 } })
  const { recorder, lines } = setup
  const path = pathCounter()
  while (recorder.counts.refused.ring_full < 10) {
    recorder.record(aRecord({ path: path() }))
    await turn()
  }
  const taken = recorder.counts.made - 10
  assert.ok(recorder.counts.ringBytes <= 200_000)
  assert.equal(recorder.counts.appended + recorder.counts.ringRecords, taken)

  await using log = await setup.folder.open()
  await using reader = await log.reader({ sink: 'a', shard: '0', owner: 'test', startAt: 'oldest' })
  assert.ok(reader)
  const delivered: (string | undefined)[] = []
  let from = reader.cursor
  await until(async () => {
    const frames = await reader.read(from, { maxBytes: 10 * mega })
    const last = frames.at(-1)
    if (last) {
      for (const { bytes } of frames) delivered.push(...pathsOf(bytes))
      const seal = await reader.seal({ from, to: endOf(last), token: `t${from.offset}`, shape: '{}' })
      await reader.settle(seal, { delivered: seal.to.offset - seal.from.offset, filtered: 0, deadLetters: [] })
      from = seal.to
      await log.trim()
    }
    return recorder.counts.appended === taken
  })
  assert.deepEqual(delivered, paths(taken))
  assert.equal(recorder.record(aRecord({ path: path() })), true)
  assert.deepEqual(
    new Set(lines.map(([, line]) => line)),
    new Set([
      'The local buffer takes nothing; records wait in memory.',
      'The ring is full; the newest records are refused and counted.',
      'The local buffer takes records again.',
      'The ring takes records again.',
    ]),
  )
})

test('a log that takes nothing does not keep the process from ending, and what is lost is counted', async (t) => {
  const setup = await setUp(t, { local: { reserveBytes: Number.MAX_SAFE_INTEGER }, closeMs: 100 })
  for (let i = 0; i < 7; i++) setup.recorder.record(aRecord())
  await setup.recorder[Symbol.asyncDispose]()
  const { appended, refused, ringRecords } = setup.recorder.counts
  assert.deepEqual({ appended, closed: refused.closed, ringRecords }, { appended: 0, closed: 7, ringRecords: 0 })
  assert.deepEqual(setup.lines.at(-1)?.[1], 'The local buffer did not take the last records in time; they are lost.')
})

test('a thread that dies at any moment loses nothing and leaves nothing twice', async (t) => {
  const started = threads(t)
  const setup = await setUp(t)
  const { recorder } = setup
  const path = pathCounter()
  for (let life = 1; life <= 5; life++) {
    await until(() => {
      for (let i = 0; i < 200; i++) recorder.record(aRecord({ path: path() }))
      return started.length === life && recorder.counts.appended > (life - 1) * 2000
    })
    await started[life - 1]?.terminate()
  }
  await recorder[Symbol.asyncDispose]()
  const { made, appended } = recorder.counts
  assert.equal(appended, made)
  await using log = await setup.folder.open()
  assert.deepEqual(await pathsIn(log), paths(made))
  const [report] = await log.inspect()
  assert.deepEqual(
    report?.producers.map((one) => [one.boot, one.appended, one.skipped]),
    [[recorder.producer.boot, made, 0]],
  )
})

test('a log that is taken away is begun anew, and what it had is passed over', async (t) => {
  await using setup = await setUp(t)
  const { recorder, folder } = setup
  recorder.record(aRecord({ path: '/gone' }))
  await until(() => recorder.counts.appended === 1)
  await rename(folder.dir, `${folder.dir}-away`)
  await until(() => {
    recorder.record(aRecord({ path: '/later' }))
    return setup.lines.some(([, line]) => line === 'The local buffer lost frames it had; they are passed over.')
  })
  await recorder[Symbol.asyncDispose]()
  await using log = await folder.open()
  const [report] = await log.inspect()
  const { made } = recorder.counts
  assert.equal(recorder.counts.appended, made)
  const boot = report?.producers.find((one) => one.producer === recorder.producer.producer)
  assert.ok(boot && boot.skipped > 0)
  assert.equal(boot.appended + boot.skipped, made)
})

test('a killed process loses nothing that was acknowledged, and the next one goes on', async (t) => {
  const folder = await spoolFolder(t)
  const acknowledged = await recordAndKill(t, folder.dir, 5000)
  const log = await folder.open()
  const survived = await pathsIn(log)
  await log[Symbol.asyncDispose]()
  assert.ok(survived.length >= acknowledged)
  assert.deepEqual(survived, paths(survived.length), 'a prefix: none missing between, none twice')

  const recorder = await openRecorder({
    local: { dir: folder.dir, maxBytes: 1024 ** 3, reserveBytes: 0 },
    log: () => {},
  })
  recorder.record(aRecord({ path: '/next' }))
  await recorder[Symbol.asyncDispose]()
  await using again = await folder.open()
  assert.deepEqual(await pathsIn(again), [...survived, '/next'])
})

test('a folder that cannot be used refuses the start', async (t) => {
  await assert.rejects(setUp(t, { local: { dir: '/dev/null/x' } }), { name: 'ConfigError', message: /\/dev\/null\/x/ })
})

test('with a shared log the records go there, and the end waits for the last ones', async (t) => {
  const shared = await spoolFolder(t)
  const remote = { type: 'sqlite', options: { maxBytes: 1024 ** 3 }, dataDir: shared.dir } as const
  const setup = await setUp(t, { remote })
  const path = pathCounter()
  for (let i = 0; i < 1000; i++) setup.recorder.record(aRecord({ path: path() }))
  await until(() => setup.recorder.counts.forwarded > 0)
  for (let i = 0; i < 1000; i++) setup.recorder.record(aRecord({ path: path() }))
  await setup.recorder[Symbol.asyncDispose]()
  const { appended, forwarded, skipped, spoolBacklog } = setup.recorder.counts
  assert.deepEqual(
    { appended, forwarded, skipped, spoolBacklog },
    { appended: 2000, forwarded: 2000, skipped: 0, spoolBacklog: 0 },
  )
  await using log = await shared.open()
  assert.deepEqual(await pathsIn(log), paths(2000))
})

test('a shared log that cannot be opened costs no record: the local one keeps them', async (t) => {
  const remote = { type: 'sqlite', options: { maxBytes: 1024 ** 3 }, dataDir: '/dev/null/x' } as const
  const setup = await setUp(t, { remote, closeMs: 100 })
  setup.recorder.record(aRecord({ path: '/a' }))
  await until(() => setup.recorder.counts.spoolBacklog === 1)
  await setup.recorder[Symbol.asyncDispose]()
  assert.deepEqual(setup.recorder.counts.appended, 1)
  assert.ok(setup.lines.some(([level, line]) => level === 'error' && line.startsWith('Forwarding failed')))
  await using log = await setup.folder.open()
  assert.deepEqual(await pathsIn(log), ['/a'])
})

test('the counts are metrics', async (t) => {
  await using setup = await setUp(t)
  const registry = new Registry()
  registerRecorderMetrics(setup.recorder, registry)
  setup.recorder.record(aRecord())
  setup.recorder.record(aRecord({ path: 'x'.repeat(5 * mega) }))
  await until(() => setup.recorder.counts.appended === 1)
  for (const scrape of [1, 2]) {
    const text = await registry.metrics()
    for (const line of [
      'penstock_records_made_total 2',
      'penstock_records_appended_total 1',
      'penstock_records_refused_total{reason="too_large"} 1',
      'penstock_records_refused_total{reason="ring_full"} 0',
      'penstock_ring_records 0',
      'penstock_ring_bytes 0',
    ])
      assert.ok(text.includes(`${line}\n`), `${line}, scrape ${scrape}`)
  }
})
