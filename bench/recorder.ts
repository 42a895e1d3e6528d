import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openRecorder } from '../buffer/recorder.ts'
import { packRecord } from '../record/frame.ts'
import { aRecord } from '../record/sample.ts'
import { Texts } from '../record/texts.ts'
import { openLog } from '../runtime/log.ts'

/*
  What a record costs the request path, and what it costs the process: records at a steady rate for ten seconds, with
  the spool's thread at work. `record` is the time inside the call; `process` is all CPU time, threads included, less
  that of the same loop without recording.

    node bench/recorder.ts [records per second, 20000]
*/

const perSecond = Number(process.argv[2] ?? 20_000)
const seconds = 10
const tickMs = 10
const records = Array.from({ length: 1000 }, (_, i) => aRecord({ path: `/orders/${i}` }))

/** Calls `take` at the rate; returns the time spent in it and the process' CPU time, both in µs per record. */
async function run(take: (record: (typeof records)[number]) => void) {
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  let insideMs = 0
  let made = 0
  while (made < perSecond * seconds) {
    const due = Math.min(perSecond * seconds, ((performance.now() - startedAt) / 1000) * perSecond)
    const from = performance.now()
    for (; made < due; made++) take(records[made % records.length]!) // within the array
    insideMs += performance.now() - from
    await wait(tickMs)
  }
  const { user, system } = process.cpuUsage(cpu)
  return { insideUs: (insideMs * 1000) / made, processUs: (user + system) / made, made }
}

const dir = await mkdtemp(join(tmpdir(), 'penstock-bench-'))
const recorder = await openRecorder({ local: { dir, maxBytes: 4 * 1024 ** 3 }, log: openLog({ level: 'warn' }) })
const texts = new Texts()
for (let i = 0; i < 20_000; i++) packRecord(records[i % records.length]!, texts) // warm
const idle = await run(() => {})
const packing = await run((record) => void packRecord(record, texts))
const recording = await run((record) => void recorder.record(record))
await recorder[Symbol.asyncDispose]()
await rm(dir, { recursive: true })

const us = (value: number) => `${value.toFixed(2)} µs`
console.log(`${perSecond} records/s for ${seconds} s, Node ${process.version}`)
console.log(`packRecord alone  ${us(packing.insideUs)}`)
console.log(`record            ${us(recording.insideUs)}`)
console.log(`process           ${us(recording.processUs - idle.processUs)} of CPU a record, spool included`)
console.log(`appended ${recorder.counts.appended} of ${recording.made}, refused ${recorder.counts.refused.ring_full}`)
