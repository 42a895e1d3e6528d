/** A producer that tests kill: it records at a rate as a gateway does, and writes down what it did. Takes ProducerWork as JSON. */
import { openRecorder, type RecorderOptions } from '../../buffer/recorder.ts'
import { openLog } from '../../runtime/log.ts'
import { wait } from '../../runtime/wait.ts'
import { LedgerFile } from './ledger.ts'
import { type Order, readOrder } from './order.ts'
import { type Life, nthRecord, poisonStatus } from './record.ts'

export interface ProducerWork {
  readonly life: Life
  readonly orderFile: string
  readonly ledgerFile: string
  readonly recorder: Pick<RecorderOptions, 'local' | 'remote'>
}

const tickMs = 10
/** 500 ms: what a producer that stood still makes up for at once. */
const mostLateMs = 500

const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
process.stdin.on('end', () => process.exit()).resume() // whoever started it is gone

const { life, orderFile, ledgerFile, recorder: options } = JSON.parse(process.argv[2] ?? '') as ProducerWork // as producer.ts gives it
const recorder = await openRecorder({ ...options, log: openLog({ level: 'warn' }) })
using ledger = new LedgerFile(ledgerFile, recorder.producer)
const first = readOrder(orderFile)
let next = 0
let poisoned = first.poison
let singles = first.single
process.stdout.write('ready\n')

for (let dueMs = performance.now(); !stop.signal.aborted; ) {
  const order = readOrder(orderFile)
  const nowMs = performance.now()
  dueMs = Math.max(dueMs, nowMs - mostLateMs)
  const count = Math.floor(((nowMs - dueMs) * order.recordsPerSecond) / 1000)
  dueMs = order.recordsPerSecond === 0 ? nowMs : dueMs + (count * 1000) / order.recordsPerSecond
  make(count + order.single - singles + order.poison - poisoned, order)
  ledger.durable(recorder.counts.appended)
  await wait(tickMs, stop.signal).catch(() => {}) // aborted: seen next
}
await recorder[Symbol.asyncDispose]()
ledger.end(recorder.counts)
process.exit()

function make(count: number, order: Order): void {
  if (count === 0) return
  ledger.making(next + count)
  for (const end = next + count; next < end; next++) {
    const isPoison = poisoned < order.poison
    if (isPoison) {
      poisoned++
      ledger.poison(next)
    }
    const ts = (Date.now() + order.skewMs) * 1000
    ledger.recorded(next, recorder.record(nthRecord(life, next, { ts, ...(isPoison ? { status: poisonStatus } : {}) })))
  }
  singles = order.single
}
