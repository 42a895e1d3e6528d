import { randomBytes } from 'node:crypto'
import { aRecord } from '../../../record/sample.ts'
import { noLog } from '../../../runtime/log.ts'
import { openStore } from '../../../sinks/store/open.ts'
import { aBlock } from '../delivery.ts'

// Fills a store with records that do not compress until it is killed; prints what it holds after each block.
const [dir = '', maxBytes = ''] = process.argv.slice(2)
const store = await openStore({
  dir,
  retentionDays: 90,
  maxBytes: Number(maxBytes),
  memoryBytes: 128 * 1024 * 1024,
  log: noLog,
})
const { rows, evictedRows } = store.status()
for (let appended = rows + evictedRows; ; ) {
  const size = 1 + Math.floor(Math.random() * 400)
  const records = Array.from({ length: size }, () => aRecord({ path: randomBytes(300).toString('base64') }))
  await store.append(aBlock(records), new AbortController().signal)
  appended += size
  process.stdout.write(`${appended}\n`)
}
