import type { Buffer, Position } from '../buffer/buffer.ts'
import { endOf } from '../buffer/buffer.ts'
import { firstMatch, ruleOptions } from '../pump/shape/rule.ts'
import type { RequestRecord } from '../record/fields.ts'
import { decodeFrame, FrameError, Undecodable } from '../record/frame.ts'
import { openLog } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import { printable } from './cells.ts'
import { type Command, exitCodes, type OptionValues, textOf, ValueError } from './command.ts'
import { configOf, configOption } from './files.ts'
import { openExistingBuffer } from './roles/buffer.ts'

const readBytes = 1024 * 1024
/** 200 ms: as good as at once for a person who watches. */
const pollMs = 200

/** Options of the command and what they ask of a record. */
const conditions = {
  api: 'API',
  route: 'Method and path template, such as "GET /orders/*"',
  consumer: 'Consumer',
  team: 'Team of the consumer',
  status: 'Statuses, such as 404, 500-599 or 5xx',
  outcome: 'How the request ended, such as "upstream_*"',
} as const

export const tapCommand: Command = {
  summary: 'Shows records as they come, without taking any from a sink',
  usage: '[--route R] [--consumer C] [--status S]',
  options: {
    config: configOption,
    ...Object.fromEntries(
      Object.entries(conditions).map(([name, doc]) => [
        name,
        { type: 'string' as const, value: 'LIST', doc: `${doc}; several with commas, * for any characters` },
      ]),
    ),
    limit: { type: 'string', value: 'N', doc: 'Stop after so many records' },
  },
  examples: [
    'penstock tap',
    'penstock tap --status 5xx --route "* /orders/*"',
    'penstock tap --consumer acme | jq .totalUs',
  ],
  async run(values, _positionals, terminal) {
    const matches = toMatch(values)
    const limit = toLimit(values)
    await using buffer = await openExistingBuffer(configOf(values, terminal), openLog({ level: 'warn' }))
    let left = limit
    for await (const record of follow(buffer, terminal.interrupted)) {
      if (!matches(record)) continue
      terminal.out(terminal.isTty ? toLine(record) : `${JSON.stringify(record)}\n`)
      if (--left === 0) break
    }
    return exitCodes.ok
  },
}

function toLimit(values: OptionValues): number {
  const text = textOf(values, 'limit')
  if (text === undefined) return Number.POSITIVE_INFINITY
  if (!/^[1-9]\d*$/.test(text)) throw new ValueError('--limit takes a whole number from 1.')
  return Number(text)
}

function toMatch(values: OptionValues): (record: RequestRecord) => boolean {
  const rule: Record<string, string[]> = {}
  for (const name of Object.keys(conditions)) {
    const text = textOf(values, name)
    if (text !== undefined) rule[name === 'route' ? 'endpoint' : name] = text.split(',')
  }
  if (Object.keys(rule).length === 0) return () => true
  const { data, error } = ruleOptions.safeParse(rule)
  if (!data) {
    const faults = error.issues.map(
      ({ path, message }) => `--${path[0] === 'endpoint' ? 'route' : String(path[0])}: ${message}.`,
    )
    throw new ValueError(faults.join('\n'))
  }
  const find = firstMatch([data])
  return (record) => find(record) === 0
}

/** Records of all shards from now on. Ends when the signal is aborted. */
async function* follow(buffer: Buffer, signal: AbortSignal): AsyncGenerator<RequestRecord> {
  const ends = new Map<string, Position>()
  for (const shard of buffer.shards) ends.set(shard, await buffer.end(shard))
  while (!signal.aborted) {
    let isQuiet = true
    for (const [shard, from] of ends) {
      const frames = await buffer.peek(shard, from, { maxBytes: readBytes })
      for (const frame of frames) {
        isQuiet = false
        ends.set(shard, endOf(frame))
        yield* recordsOf(frame.bytes)
      }
    }
    if (isQuiet) await wait(pollMs, signal).catch(() => {}) // aborted: seen next
  }
}

/** What cannot be decoded is not for watching: penstock buffer verify names it, and its sinks make dead letters of it. */
function recordsOf(bytes: Uint8Array): RequestRecord[] {
  try {
    return decodeFrame(bytes).filter((record): record is RequestRecord => !(record instanceof Undecodable))
  } catch (error) {
    if (error instanceof FrameError) return []
    throw error
  }
}

function toLine({ ts, status, method, path, api, consumer, totalUs, outcome }: RequestRecord): string {
  const time = new Date(ts / 1000).toISOString().slice(11, 23)
  const ms = (totalUs / 1000).toFixed(1).padStart(8)
  const who = [api || '(no api)', consumer || '(no consumer)', ...(outcome === 'ok' ? [] : [outcome])].join('  ')
  return `${time}  ${status}  ${ms} ms  ${printable(`${method} ${path}`)}  ${printable(who)}\n`
}
