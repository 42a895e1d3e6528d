import { type ErasedFromSink, erase } from '../pump/erase.ts'
import { openLog } from '../runtime/log.ts'
import { type Command, exitCodes, type Terminal, textOf, UsageError } from './command.ts'
import { configOf, configOption } from './files.ts'
import { chosenSinks, openHoldings } from './holdings.ts'
import { openExistingBuffer } from './roles/buffer.ts'
import { toTable } from './table.ts'

export const eraseCommand: Command = {
  summary: 'Erases one consumer’s records from every sink that can be reached, and says what stays',
  usage: '--consumer NAME [--org NAME] [--sink NAME] --yes',
  operands: 1,
  options: {
    config: configOption,
    consumer: { type: 'string', value: 'NAME', doc: 'Whose records' },
    org: { type: 'string', value: 'NAME', doc: 'Tenant of the consumer', default: 'default' },
    sink: { type: 'string', value: 'NAME', doc: 'From one sink only' },
    yes: { type: 'boolean', doc: 'Erase; without it, what would go is only counted' },
  },
  examples: ['penstock erase --consumer acme', 'penstock erase --consumer acme --yes'],
  async run(values, positionals, terminal) {
    const consumer = textOf(values, 'consumer')
    if (positionals.length > 0) throw new UsageError(`Name the consumer with --consumer ${positionals[0]}.`)
    if (!consumer) throw new UsageError('Say whose records: penstock erase --consumer NAME')
    const config = configOf(values, terminal)
    const chosen = chosenSinks(config, textOf(values, 'sink'))
    const log = openLog({ level: 'warn' })
    await using opened = new AsyncDisposableStack()
    const buffer = opened.use(await openExistingBuffer(config, log))
    const person = { org: textOf(values, 'org') ?? '', consumer } // org has a default
    const sinks = (await openHoldings(config, log, opened))
      .filter(({ name }) => chosen.has(name))
      .map(({ known, ...sink }) => ({ ...sink, known: known(person) }))
    const mode = values.yes ? 'erase' : 'count'
    const results: ErasedFromSink[] = []
    for await (const result of erase({ buffer, sinks, person, mode, signal: terminal.interrupted })) {
      results.push(result)
      if (!terminal.isTty) terminal.out(`${JSON.stringify({ mode, ...result })}\n`)
    }
    if (terminal.isTty) show(results, terminal)
    return conclude(results, mode)
  },
}

/** Throws where the work is not done, and says how it will be. */
function conclude(results: readonly ErasedFromSink[], mode: 'count' | 'erase'): number {
  if (mode === 'count')
    throw new UsageError('Nothing was erased. To erase this for good, give the same command with --yes.')
  if (results.some(({ failure }) => failure !== undefined)) return exitCodes.backend
  return results.some(({ waiting }) => waiting > 0) ? exitCodes.error : exitCodes.ok
}

function show(results: readonly ErasedFromSink[], { out }: Terminal): void {
  const numbers = ['found', 'removed', 'overwritten', 'deadLetters', 'waiting'] as const
  const columns = [{ title: 'sink' }, ...numbers.map((title) => ({ title, align: 'right' as const }))]
  const cell = (number: number | undefined) => number?.toLocaleString('en') ?? '?'
  out(
    toTable(
      columns,
      results.map((result) => [
        result.sink,
        ...numbers.map((name) => cell(name === 'found' && result.failure !== undefined ? undefined : result[name])),
      ]),
    ),
  )
  for (const { sink, notes, failure, waiting } of results) {
    if (failure !== undefined) out(`${sink} could not be erased from: ${failure}\n`)
    if (waiting > 0)
      out(
        `${sink}: ${waiting === 1 ? '1 record is' : `${waiting.toLocaleString('en')} records are`} on their way to it. Erase again when they are delivered.\n`,
      )
    for (const note of notes) out(`${sink}: ${note}\n`)
  }
}
