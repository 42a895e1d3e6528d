import type { Ledger } from '../buffer/ledger.ts'
import { openLog } from '../runtime/log.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { type Command, exitCodes, type Terminal, UsageError } from './command.ts'
import { configOf, configOption } from './files.ts'
import { openExistingBuffer } from './roles/buffer.ts'
import { toTable } from './table.ts'

const terms = [
  'appended',
  'delivered',
  'filtered',
  'deadLettered',
  'evicted',
  'backlog',
] as const satisfies (keyof Ledger)[]

export const sinksCommand: Command = {
  summary: 'Shows how far each sink has come, and retires one that is gone for good',
  usage: 'list | retire NAME',
  operands: 2,
  options: { config: configOption },
  examples: ['penstock sinks list', 'penstock sinks retire old-warehouse'],
  async run(values, [verb, name], terminal) {
    const config = configOf(values, terminal)
    await using buffer = await openExistingBuffer(config, openLog({ level: 'warn' }))
    const ledgers = (await buffer.inspect()).flatMap(({ shard, ledgers }) =>
      ledgers.map((ledger) => ({ shard, ...ledger })),
    )
    if (verb === 'list') return list(ledgers, terminal)
    if (verb !== 'retire' || name === undefined) throw new UsageError('penstock sinks takes list, or retire NAME.')
    const known = [...new Set(ledgers.map(({ sink }) => sink))]
    if (!known.includes(name)) throw new UsageError(`The log knows no sink "${name}".${didYouMean(name, known)}`)
    if (Object.hasOwn(config.sinks, name)) {
      throw new UsageError(
        `The sink "${name}" is in the configuration: take it out and restart the pump before you retire it.`,
      )
    }
    await buffer.retire(name)
    terminal.out(`The sink ${name} is retired: it no longer holds the log, and its dead letters are gone.\n`)
    return exitCodes.ok
  },
}

function list(ledgers: readonly ({ readonly shard: string } & Ledger)[], { out, isTty }: Terminal): number {
  if (!isTty) {
    for (const ledger of ledgers) out(`${JSON.stringify(ledger)}\n`)
    return exitCodes.ok
  }
  if (ledgers.length === 0) {
    out('No sink has begun to read the log.\n')
    return exitCodes.ok
  }
  const columns = [{ title: 'sink' }, { title: 'shard' }, ...terms.map((title) => ({ title, align: 'right' as const }))]
  out(
    toTable(
      columns,
      ledgers.map((ledger) => [ledger.sink, ledger.shard, ...terms.map((term) => ledger[term].toLocaleString('en'))]),
    ),
  )
  return exitCodes.ok
}
