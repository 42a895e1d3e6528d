import {
  comparePositions,
  type Frame,
  LogResetError,
  type Position,
  type Reader,
  type ReaderOptions,
  type Settlement,
} from '../buffer.ts'
import { leaseMs, ownReader, type Taken } from '../lease.ts'
import { findRetries, toShardId } from './dead-letters.ts'
import { FrameRange } from './frames.ts'
import { minuteArguments } from './minutes.ts'
import { type Argument, type Reply, type ScriptName, toEntries, toList, toNumber, toText } from './script.ts'
import { fromText, toArguments, toPlace, toRest } from './seal-text.ts'
import { fencedError, type Shard } from './shard.ts'

/** Takes the reading end of a sink; undefined while another owner's lease holds. */
export async function takeReader(
  shard: Shard,
  { sink, owner, startAt }: ReaderOptions,
  leases: Set<AsyncDisposable>,
): Promise<Reader | undefined> {
  const start = typeof startAt === 'object' ? startAt.atMs : startAt
  const args = [sink, owner, start, leaseMs, shard.hasLag]
  const [status, fence, offset, index, seals, state] = await shard.run('take', args, sink)
  if (status === 'taken') return undefined
  const taken = {
    ...{ sink, shard: shard.name, fence: toNumber(fence) },
    cursor: { offset: toNumber(offset), index: toNumber(index) },
    seals: toList(seals).map((seal) => fromText(toText(seal))),
    state: new Map(toEntries(state)),
  }
  return openReader(shard, owner, taken, leases)
}

function openReader(shard: Shard, owner: string, taken: Taken, leases: Set<AsyncDisposable>): Reader {
  const { sink, fence } = taken
  const frames = new FrameRange(shard)
  const change = (script: ScriptName, args: readonly Argument[], lastsMs = leaseMs) =>
    shard.run(script, [sink, fence, owner, lastsMs, ...args], sink)
  const setLease = async (lastsMs: number) => void (await change('lease', [], lastsMs))

  /** What lies before the cursor may have been trimmed meanwhile; all else must be as it was when the position was taken. */
  function checkPlace(
    from: Position,
    first: Frame | undefined,
    log: { end: number; place: readonly [string, ...Reply[]] },
  ): void {
    if (log.end < from.offset + from.index || (first && first.offset < from.offset))
      throw new LogResetError(
        `Shard ${shard.name} in Redis ends at record ${log.end} and had more: a fail-over or a restart lost its tail.`,
      )
    const next = first?.offset ?? log.end
    if (next === from.offset) return
    const [, nowFence, nowOwner, offset, index] = log.place
    if (toNumber(nowFence) !== fence || toText(nowOwner) !== owner) throw fencedError(sink, toText(nowOwner))
    if (comparePositions(from, { offset: toNumber(offset), index: toNumber(index) }) >= 0)
      throw new LogResetError(`The log lacks the frames from record ${from.offset} to ${next}.`)
  }

  return ownReader(
    taken,
    {
      async read(from, { maxBytes }) {
        // In this order on one connection: the log had at least so many records before it was read, and was still the same afterwards.
        const [end, read, place] = await Promise.all([
          shard.connection.ask((client) => client.hget(shard.keys.meta, 'cumulative')),
          frames.read(from, maxBytes),
          shard.run('place', [sink]),
        ])
        checkPlace(from, read[0], { end: Number(end), place })
        return read
      },
      async seal(block) {
        const [status, first, second] = await change('seal', toArguments(block))
        if (status === 'order')
          throw new Error(
            `A block of ${sink} must begin at record ${toText(first)} and end by ${toText(second)}; ${show(block.from)} to ${show(block.to)} does not.`,
          )
        await shard.replicated()
        return fromText(toText(first))
      },
      async split(seal, at, tokens) {
        const rests = tokens.map((token) => toRest(token, seal.shape))
        const places = [seal.from, at, seal.to].flatMap(toPlace)
        const [status, left, right] = await change('split', [seal.id, ...places, ...rests])
        if (status === 'order') throw new Error(`Block ${seal.id} of ${sink} cannot be split at ${show(at)}.`)
        await shard.replicated()
        return [fromText(toText(left)), fromText(toText(right))]
      },
      async settle(seal, { delivered, filtered, deadLetters, minutes, state }) {
        const letters = deadLetters.flatMap(({ form, reason, bytes }) => [form, reason, bytes])
        const counts = [delivered, filtered, deadLetters.length]
        const rest = [...letters, ...minuteArguments(minutes), ...stateArguments(state)]
        const [status] = await change('settle', [shard.hasLag, seal.id, ...toPlace(seal.to), ...counts, ...rest])
        if (status === 'order')
          throw new Error(`Block ${seal.id} of ${sink} is not the oldest sealed one, so it cannot be settled yet.`)
      },
      retries: (options) => findRetries(shard, sink, options?.limit),
      async settleRetry({ id, letters }, { rejected, minutes, state }) {
        const delivered = letters.filter((letter) => !rejected.has(letter.id)).map((letter) => toShardId(letter.id))
        const reasons = letters.flatMap((letter) => {
          const reason = rejected.get(letter.id)
          return reason === undefined ? [] : [toShardId(letter.id), reason]
        })
        const counted = [delivered.length, ...delivered, reasons.length / 2, ...reasons]
        await change('settle-retry', [id, ...counted, ...minuteArguments(minutes), ...stateArguments(state)])
      },
      async evict(to, records) {
        const [status] = await change('evict', [shard.hasLag, ...toPlace(to), records])
        if (status === 'order')
          throw new Error(`Records of ${sink} cannot be given up to the middle of a block, ${show(to)}.`)
      },
    },
    { renew: () => setLease(leaseMs), release: () => setLease(0), among: leases },
  )
}

function stateArguments(state: Settlement['state']): Argument[] {
  return [...(state ?? [])].flat()
}

const show = ({ offset, index }: Position) => `${offset}+${index}`
