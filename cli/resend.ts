import type { Config } from '../config/config.ts'
import { heldSince, type ResentPart, resend } from '../pump/resend.ts'
import { openShapes } from '../pump/shape/shape.ts'
import type { RequestRecord } from '../record/fields.ts'
import { minuteOf } from '../record/minute-sum.ts'
import { openLog } from '../runtime/log.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { HaltError, RetryableError, type SinkContext, type SinkDefinition } from '../sinks/sink.ts'
import {
  BackendError,
  type Command,
  exitCodes,
  type OptionValues,
  type Terminal,
  textOf,
  UsageError,
  ValueError,
} from './command.ts'
import { configOf, configOption } from './files.ts'
import { openExistingBuffer } from './roles/buffer.ts'
import { definitionOf } from './sink-definition.ts'
import { toTimeMs } from './time.ts'

export const resendCommand: Command = {
  summary: 'Sends a sink once more what the log still holds, where that counts nothing twice',
  usage: '--sink NAME --from TIME [--to TIME]',
  options: {
    config: configOption,
    sink: { type: 'string', value: 'NAME', doc: 'Sink that lacks records, as penstock audit says' },
    from: {
      type: 'string',
      value: 'TIME',
      doc: 'What the log took from then on, such as 2026-11-21T09:00:00Z, or 1h for an hour ago',
    },
    to: { type: 'string', value: 'TIME', doc: 'Up to then; default now' },
  },
  examples: [
    'penstock resend --sink mongo --from 1h',
    'penstock resend --sink mongo --from 2026-11-21T09:00:00Z --to 2026-11-21T10:00:00Z',
  ],
  async run(values, _positionals, terminal) {
    const nowMs = Date.now()
    const { fromMs, toMs } = toTimes(values, nowMs)
    const config = configOf(values, terminal)
    const { name, definition, options, sink, openResender } = sinkOf(config, textOf(values, 'sink'))
    const log = openLog({ level: 'warn' })
    const context = { name, log, dataDir: config.dataDir }
    await using opened = new AsyncDisposableStack()
    const buffer = opened.use(await openExistingBuffer(config, log))
    const reports = await buffer.inspect()
    if (!reports.some(({ ledgers }) => ledgers.some((ledger) => ledger.sink === name)))
      throw new ValueError(`The log has not delivered to ${name} yet: the pump does, from its startAt on.`)
    const signal = terminal.interrupted
    try {
      const resender = opened.use(await openResender(options, context))
      const staysAway = await staysAwayFrom(definition, options, context, signal)
      const result = await total(
        resend({
          ...{ buffer, sink: name, resender, staysAway, fromMs, toMs, signal },
          shape: openShapes(sink.shape, config.pump.hashKeys).current,
          maxRecords: sink.block.maxRecords ?? definition.block.maxRecords,
          writeTimeoutMs: sink.writeTimeoutMs,
        }),
      )
      const sinceMs = await heldSince(buffer)
      show(name, result, sinceMs !== undefined && sinceMs > fromMs ? sinceMs : undefined, terminal)
      return result.refused.length > 0 || result.gone > 0 ? exitCodes.error : exitCodes.ok
    } catch (error) {
      if (!(error instanceof RetryableError || error instanceof HaltError)) throw error
      throw new BackendError(
        `${error.message} Some records may have been sent; the same command may be repeated, and leaves what is there.`,
        { cause: error },
      )
    }
  },
}

function toTimes(values: OptionValues, nowMs: number) {
  const from = textOf(values, 'from')
  if (from === undefined) throw new UsageError('Say from when: penstock resend --sink NAME --from 1h')
  const to = textOf(values, 'to')
  const fromMs = toTimeMs('from', from, nowMs)
  const toMs = to === undefined ? nowMs : toTimeMs('to', to, nowMs)
  if (fromMs >= toMs) throw new ValueError('--from lies behind --to: the time ends before it begins.')
  return { fromMs, toMs }
}

/** The sink that is named. Throws UsageError where there is none, or where a repeat would count twice. */
function sinkOf({ sinks }: Config, name: string | undefined) {
  if (name === undefined) throw new UsageError('Say which sink: penstock resend --sink NAME --from 1h')
  const sink = Object.hasOwn(sinks, name) ? sinks[name] : undefined
  if (!sink) throw new UsageError(`The configuration has no sink "${name}".${didYouMean(name, Object.keys(sinks))}`)
  const { definition, options } = definitionOf(sink)
  const { resender: openResender } = definition
  if (!openResender) throw new UsageError(`${name} is sent nothing again. ${definition.notResendable ?? ''}`)
  return { name, sink, definition, options, openResender }
}

/** Records that the sink let go by its own rules would push out newer ones; and nobody who was erased may come back. */
async function staysAwayFrom(
  definition: SinkDefinition,
  options: Readonly<Record<string, unknown>>,
  context: SinkContext,
  signal: AbortSignal,
): Promise<(record: RequestRecord) => boolean> {
  await using holdings = await definition.holdings?.(options, context)
  const horizon = await holdings?.horizon(signal)
  const erased = await holdings?.erased({ from: 0, to: Number.MAX_SAFE_INTEGER }, signal)
  const erasedMinutes = new Set(erased?.map(({ minute }) => minute))
  return ({ ts }) => {
    const minute = minuteOf(ts)
    return minute < (horizon?.minute ?? 0) || erasedMinutes.has(minute)
  }
}

type Total = { -readonly [Key in Exclude<keyof ResentPart, 'refused'>]: number } & { readonly refused: string[] }

async function total(parts: AsyncIterable<ResentPart>): Promise<Total> {
  const sum: Total = { stored: 0, present: 0, refused: [], filtered: 0, stayedAway: 0, undecodable: 0, gone: 0 }
  for await (const part of parts) {
    for (const count of ['stored', 'present', 'filtered', 'stayedAway', 'undecodable', 'gone'] as const)
      sum[count] += part[count]
    sum.refused.push(...part.refused)
  }
  return sum
}

function show(sink: string, result: Total, heldSinceMs: number | undefined, { out, isTty }: Terminal): void {
  const { stored, present, refused, ...rest } = result
  const sent = stored + present + refused.length
  const since = heldSinceMs === undefined ? undefined : new Date(heldSinceMs).toISOString()
  if (!isTty) {
    const held = since === undefined ? {} : { heldSince: since }
    out(`${JSON.stringify({ sink, sent, stored, present, refused: refused.length, ...rest, ...held })}\n`)
    return
  }
  const count = (records: number) => (records === 1 ? '1 record' : `${records.toLocaleString('en')} records`)
  out(
    `${count(sent)} sent to ${sink}: ${stored.toLocaleString('en')} were missing and are stored, ${present.toLocaleString('en')} were there.\n`,
  )
  const notes: readonly (readonly [number, string])[] = [
    [result.filtered, 'kept from it by its rules.'],
    [result.stayedAway, 'left out, because it let records of that time go, or because somebody was erased from it.'],
    [result.undecodable, 'left out, because they cannot be decoded: penstock dead list shows them.'],
    [result.gone, 'gone from the log while it was read: raise pump.keepMs.'],
    [refused.length, `refused. The first because: ${refused[0]}`],
  ]
  for (const [records, note] of notes) if (records > 0) out(`  ${count(records)} ${note}\n`)
  if (since !== undefined)
    out(`The log holds what came since ${since}, and what is older no more: pump.keepMs says how long.\n`)
}
