import { setImmediate as turn } from 'node:timers/promises'
import { openRecorder } from '../../buffer/recorder.ts'
import { aRecord } from '../../record/sample.ts'
import { noLog } from '../../runtime/log.ts'

/** What tests kill: it records without end, and says after each slice how many are durable. Takes its folder, and the options of a shared log as JSON. */
const [dir = '', remote] = process.argv.slice(2)
const recorder = await openRecorder({
  local: { dir, maxBytes: 1024 ** 3, reserveBytes: 0 },
  ...(remote ? { remote: JSON.parse(remote) } : {}),
  log: noLog,
})
for (let next = 0; ; await turn()) {
  for (let i = 0; i < 50; i++) recorder.record(aRecord({ path: `/${next++}` }))
  process.stdout.write(`${recorder.counts.appended}\n`)
}
