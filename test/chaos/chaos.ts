/** Random faults under load, then a judge: `npm run chaos -- --seed N --minutes M --buffer sqlite|redis|kafka`. Ends with 1 where anything was lost or doubled. */
import { parseArgs } from 'node:util'
import { type Flags, flags, toOptions, usage } from './options.ts'
import { save, toReport } from './report.ts'
import { runChaos } from './run.ts'
import { bufferDown } from './scenarios/buffer-down.ts'
import type { ScenarioOptions, ScenarioResult } from './scenarios/scenario.ts'
import { sinkDown } from './scenarios/sink-down.ts'
import { twoPumps } from './scenarios/two-pumps.ts'

type Scenario = (seed: number, options: ScenarioOptions) => Promise<ScenarioResult>

const scenarios: Readonly<Record<string, Scenario>> = {
  'sink-down': (_, options) => sinkDown(options),
  'buffer-down': (_, options) => bufferDown(options),
  'two-pumps': twoPumps,
}
const say = (line: string) => console.log(line)

const { values } = parseArgs({ options: flags })
if (values.help) say(usage)
else if (values.scenario !== undefined) await runScenario(values.scenario, values)
else await runAtRandom(values)
// What a child left open, such as a pipe of one that was killed, must not keep a finished run from ending.
process.exit()

async function runAtRandom(given: Flags): Promise<void> {
  const options = toOptions(given)
  const { seed, minutes, buffer, sinks, pumps, recordsPerSecond, only } = options
  const kinds = only ? ` --only '${only.join(',')}'` : ''
  const command = `npm run chaos -- --seed ${seed} --minutes ${minutes} --buffer ${buffer} --sinks ${sinks.join(',')} --pumps ${pumps} --rate ${recordsPerSecond}${kinds}`
  say(`seed ${seed}; the same faults again: ${command}`)
  const result = await runChaos(options, say)
  say(toReport(options, result))
  if (given.save)
    save(given.save, command, { seed, minutes, buffer, pumps, wantedPerSecond: recordsPerSecond, ...result })
  process.exitCode = result.problems.length > 0 ? 1 : 0
}

async function runScenario(name: string, given: Flags): Promise<void> {
  const run = scenarios[name]
  if (!run) throw new Error(`There is no scenario "${name}", only ${Object.keys(scenarios).join(', ')}.`)
  const { seed, minutes, recordsPerSecond } = toOptions(given)
  const seeded = name === 'two-pumps' ? ` --seed ${seed}` : ''
  const command = `npm run chaos -- --scenario ${name} --minutes ${minutes} --rate ${recordsPerSecond}${seeded}`
  say(command)
  const result = await run(seed, { minutes, recordsPerSecond, say })
  for (const [what, value] of Object.entries(result.measured)) say(`${what}: ${value}`)
  for (const problem of result.problems) say(`problem: ${problem}`)
  say(`lost ${result.lost}, doubled ${result.doubled}`)
  if (given.save) save(given.save, command, result)
  process.exitCode = result.problems.length + result.lost + result.doubled > 0 ? 1 : 0
}
