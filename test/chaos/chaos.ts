/** Random faults under load, then a judge: `npm run chaos -- --seed N --minutes M --buffer sqlite|redis|kafka`. Ends with 1 where anything was lost or doubled. */
import { parseArgs } from 'node:util'
import { flags, toOptions, usage } from './options.ts'
import { save, toReport } from './report.ts'
import { runChaos } from './run.ts'

const { values } = parseArgs({ options: flags })
if (values.help) console.log(usage)
else await run()

async function run(): Promise<void> {
  const options = toOptions(values)
  const { seed, minutes, buffer, sinks, pumps, recordsPerSecond } = options
  const command = `npm run chaos -- --seed ${seed} --minutes ${minutes} --buffer ${buffer} --sinks ${sinks.join(',')} --pumps ${pumps} --rate ${recordsPerSecond}${options.only ? ` --only '${options.only.join(',')}'` : ''}`
  console.log(`seed ${seed}; the same faults again: ${command}`)
  const result = await runChaos(options, (line) => console.log(line))
  console.log(toReport(options, result))
  if (values.save)
    save(values.save, command, { seed, minutes, buffer, pumps, wantedPerSecond: recordsPerSecond, ...result })
  process.exitCode = result.problems.length > 0 ? 1 : 0
}
