import { sinks } from '../sinks/index.ts'
import { type Guarantee, guarantees } from '../test/guarantees.ts'
import { faultsOf, type KeptRun, keptRuns, keyOf, type Results, readResults } from './guarantee-results.ts'

/** What we guarantee, what shows it, and how that went: all of it from the tests' own data. */
export function guaranteesPage(): string {
  const results = readResults()
  const runs = keptRuns()
  return [
    '# What we guarantee',
    '',
    'Every request leaves one record, and every sink gets it once, whatever fails on the way. This page says what is lost and',
    'what is there twice after each kind of failure, and which command shows it on your machine. The results are those of the',
    'last `npm run guarantees`; `npm run check` fails where a test that is named here is missing, or has not passed.',
    '',
    '## A block that is sent again',
    '',
    '| sink | a repeat |',
    '| --- | --- |',
    ...Object.entries(sinks).map(([name, { idempotency }]) => `| \`${name}\` | ${repeats[idempotency]} |`),
    '',
    '## What goes wrong, and what happens then',
    '',
    '| event | what happens | lost | twice | shown by | result |',
    '| --- | --- | --- | --- | --- | --- |',
    ...guarantees.map((guarantee) => row(guarantee, results, runs)),
    '',
    '## The tests, event by event',
    ...guarantees.flatMap((guarantee) => details(guarantee, results)),
    '',
    ...chaosRuns(runs),
  ].join('\n')
}

const repeats = {
  record: 'is stored once, by record id',
  block: 'is stored once, by block token or saved state',
  none: 'is stored again: at least once',
}

function row(guarantee: Guarantee, results: Results, runs: readonly KeptRun[]): string {
  const { event, promise, lost, twice, proofs, chaos = [], scenario } = guarantee
  const files = [...new Set(proofs.flatMap((proof) => proof.files))]
  const commands = [
    `\`npm run guarantees -- '${event}'\``,
    ...(chaos.length > 0 ? [`\`npm run chaos -- --only '${chaos.join(',')}'\``] : []),
    ...(scenario ? [`\`npm run chaos -- --scenario ${scenario}\``] : []),
  ]
  const passed = proofs.flatMap((proof) => proof.files.map((file) => results[keyOf(proof, file)]?.passed ?? 0))
  const faults = faultsOf(guarantee, results)
  const outcome =
    faults.length > 0 ? `**${faults.length} missing or failed**` : `${sum(passed)} tests in ${files.length} files pass`
  const struck = strikes(chaos, runs)
  const cells = [event, promise, lost, twice, commands.join('<br>'), struck ? `${outcome}; ${struck}` : outcome]
  return `| ${cells.join(' | ')} |`
}

function details({ event, proofs }: Guarantee, results: Results): string[] {
  const lines = proofs.flatMap((proof) =>
    proof.files.map((file) => {
      const { passed = 0, failed = 0 } = results[keyOf(proof, file)] ?? {}
      const outcome = failed > 0 || passed === 0 ? '**not shown**' : passed === 1 ? 'passes' : `${passed} pass`
      return `- ${proof.test} (\`${file}\`): ${outcome}`
    }),
  )
  return ['', `### ${event[0]?.toUpperCase()}${event.slice(1)}`, '', ...lines]
}

interface ChaosFacts {
  readonly command: string
  readonly faults: Readonly<Record<string, number>>
  readonly recordsPerSecond: number
  readonly drainedMs: number
  readonly freshMs: number
  readonly pumpPeakMb: number
  readonly problems: readonly string[]
  readonly verdict: {
    readonly accepted: number
    readonly refused: number
    readonly lost: number
    readonly doubled: number
    readonly sinks: Readonly<Record<string, { readonly held: number }>>
  }
}

/** Runs of random faults; those of scenarios have measurements instead. */
function chaosOf(runs: readonly KeptRun[]): readonly { name: string; facts: ChaosFacts }[] {
  return runs.flatMap(({ name, facts }) =>
    'verdict' in facts ? [{ name, facts: facts as unknown as ChaosFacts }] : [],
  ) // as report.ts saves it
}

function strikes(kinds: readonly string[], runs: readonly KeptRun[]): string {
  const times = chaosOf(runs).map(({ facts }) => sum(kinds.map((kind) => facts.faults[kind] ?? 0)))
  return sum(times) > 0 ? `${number(sum(times))} strikes in the runs below` : ''
}

function chaosRuns(runs: readonly KeptRun[]): string[] {
  const chaos = chaosOf(runs)
  const scenarios = runs.filter(({ facts }) => 'measured' in facts)
  return [
    ...(chaos.length === 0
      ? []
      : [
          '## Random faults under load',
          '',
          'Processes that record, pumps, the buffer and the sinks’ servers are killed, stopped, paused, cut off and filled up by a plan',
          'that follows from the seed. A process that has seen nothing of it then counts every record in every sink.',
          '',
          '| run | records | lost | doubled | records/s | faults | left to deliver at the end, gone after | most memory of a pump |',
          '| --- | --- | --- | --- | --- | --- | --- | --- |',
          ...chaos.map(({ name, facts }) => chaosRow(name, facts)),
          '',
        ]),
    ...scenarios.flatMap(({ name, facts }) => [
      `## ${name}`,
      '',
      `\`${facts.command}\``,
      '',
      '| measured | value |',
      '| --- | --- |',
      ...Object.entries(facts.measured as Record<string, string>).map(([what, value]) => `| ${what} | ${value} |`), // as scenarios save it
      '',
    ]),
  ]
}

function chaosRow(name: string, facts: ChaosFacts): string {
  const { command, verdict, recordsPerSecond, faults, drainedMs, pumpPeakMb } = facts
  const cells = [
    `${name}: \`${command}\``,
    `${number(verdict.accepted)} in each of ${Object.keys(verdict.sinks).join(', ')}${verdict.refused > 0 ? `; ${number(verdict.refused)} refused and counted` : ''}`,
    number(verdict.lost),
    number(verdict.doubled),
    number(recordsPerSecond),
    number(sum(Object.values(faults))),
    `${(drainedMs / 1000).toFixed(1)} s`,
    `${pumpPeakMb} MB`,
  ]
  return `| ${cells.join(' | ')} |`
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

function number(count: number): string {
  return count.toLocaleString('en-US')
}
