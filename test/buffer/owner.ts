import { buffers } from '../../buffer/index.ts'
import { noLog } from '../../runtime/log.ts'
import { type LogAddress, take } from './scratch-log.ts'

/** A process that takes sink `a` of a log, says so, and keeps it until it is killed. */
const { type, options, dataDir } = JSON.parse(process.argv[2] ?? '') as LogAddress // from the test that started this
const definition = buffers[type as keyof typeof buffers] // a test names one that there is
const log = await definition.open(definition.options.parse(options) as never, { dataDir, log: noLog }) // the options of that buffer
await take(log, { owner: 'killed' })
process.stdout.write('taken\n')
process.stdin.resume()
process.stdin.on('end', () => process.exit())
