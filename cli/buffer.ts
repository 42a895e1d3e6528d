import type { Buffer } from '../buffer/buffer.ts'
import type { ShardReport } from '../buffer/ledger.ts'
import { verify } from '../buffer/verify.ts'
import { openLog } from '../runtime/log.ts'
import { type Command, exitCodes, type Terminal, UsageError } from './command.ts'
import { configOf, configOption } from './files.ts'
import { openExistingBuffer } from './roles/buffer.ts'
import { toTable } from './table.ts'

export const bufferCommand: Command = {
  summary: 'Shows what the buffer holds, and checks every frame of it',
  usage: 'inspect | verify',
  operands: 1,
  options: { config: configOption },
  examples: ['penstock buffer inspect', 'penstock buffer verify'],
  async run(values, [verb], terminal) {
    if (verb !== 'inspect' && verb !== 'verify') throw new UsageError('penstock buffer takes inspect or verify.')
    await using buffer = await openExistingBuffer(configOf(values, terminal), openLog({ level: 'warn' }))
    return await (verb === 'inspect' ? inspect(buffer, terminal) : check(buffer, terminal))
  },
}

async function inspect(buffer: Buffer, { out, isTty }: Terminal): Promise<number> {
  const reports = await buffer.inspect()
  if (!isTty) {
    for (const report of reports) out(`${JSON.stringify({ incarnation: buffer.incarnation, ...report })}\n`)
    return exitCodes.ok
  }
  out(`log ${buffer.incarnation}\n\n`)
  out(
    toTable(
      ['shard', 'records ever', 'bytes held', 'of limit', 'oldest unsettled', 'sinks', 'producers'].map(toColumn),
      reports.map((report) => [
        report.shard,
        report.cumulative.toLocaleString('en'),
        report.bytes.toLocaleString('en'),
        `${((report.bytes / report.maxBytes) * 100).toFixed(1)} %`,
        oldestOf(report),
        String(report.ledgers.length),
        String(report.producers.length),
      ]),
    ),
  )
  const producers = reports.flatMap(({ shard, producers }) => producers.map((producer) => ({ shard, ...producer })))
  if (producers.length === 0) return exitCodes.ok
  out('\n')
  out(
    toTable(
      ['producer', 'shard', 'boot', 'next frame', 'appended', 'skipped'].map((title, i) => ({
        title,
        align: i < 2 ? ('left' as const) : ('right' as const),
      })),
      producers.map(({ producer, shard, boot, nextSeq, appended, skipped }) => {
        return [producer, shard, String(boot), ...[nextSeq, appended, skipped].map((n) => n.toLocaleString('en'))]
      }),
    ),
  )
  return exitCodes.ok
}

function toColumn(title: string, i: number) {
  return { title, align: i === 0 ? ('left' as const) : ('right' as const) }
}

function oldestOf({ ledgers }: ShardReport): string {
  const oldest = Math.min(...ledgers.map(({ oldestAtMs }) => oldestAtMs ?? Number.POSITIVE_INFINITY))
  return Number.isFinite(oldest) ? new Date(oldest).toISOString() : '–'
}

async function check(buffer: Buffer, { out, isTty, interrupted }: Terminal): Promise<number> {
  const shards = await verify(buffer, interrupted)
  const isSound = shards.every(({ faults }) => faults.length === 0)
  if (!isTty) for (const shard of shards) out(`${JSON.stringify(shard)}\n`)
  else {
    for (const { shard, frames, records, faults, moreFaults } of shards) {
      out(`shard ${shard}: ${records.toLocaleString('en')} records in ${frames.toLocaleString('en')} frames\n`)
      for (const fault of faults) out(`  ${fault}\n`)
      if (moreFaults > 0) out(`  … and ${moreFaults.toLocaleString('en')} more\n`)
    }
    out(
      isSound
        ? 'Every frame is whole.\n'
        : 'What is damaged becomes dead letters when the sinks come to it: penstock dead list shows them then.\n',
    )
  }
  return isSound ? exitCodes.ok : exitCodes.error
}
