import {
  comparePositions,
  type Frame,
  LogResetError,
  type Position,
  type Reader,
  type ReaderOptions,
  type Seal,
  type Settlement,
} from '../buffer.ts'
import { keepLease, type Lease, leaseMs } from '../lease.ts'
import { type Argument, type Reply, type ScriptName, toEntries, toList, toNumber, toText } from './script.ts'
import { fromText, toArguments, toPlace, toRest } from './seal-text.ts'
import { fencedError, type Shard } from './shard.ts'

/** 16 frames of 64 KiB make 1 MiB, about what a read is asked for: how many are read before their size is known. */
const firstFrames = 16
/** 128: 8 MiB at most where frames were tiny and become full. */
const mostFrames = 128

type Taken = Pick<Reader, 'sink' | 'fence' | 'cursor' | 'seals' | 'state'> & { readonly owner: string }

/** Takes the reading end of a sink; undefined while another owner's lease holds. */
export async function takeReader(
  shard: Shard,
  { sink, owner, startAt }: ReaderOptions,
  leases: Set<AsyncDisposable>,
): Promise<Reader | undefined> {
  const [status, fence, offset, index, seals, state] = await shard.run(
    'take',
    [sink, owner, startAt, leaseMs, shard.hasLag],
    sink,
  )
  if (status === 'taken') return undefined
  const taken = {
    ...{ sink, owner, fence: toNumber(fence) },
    cursor: { offset: toNumber(offset), index: toNumber(index) },
    seals: toList(seals).map((seal) => fromText(toText(seal))),
    state: new Map(toEntries(state)),
  }
  return new RedisReader(shard, taken, leases)
}

class RedisReader implements Reader {
  readonly sink: string
  readonly shard: string
  readonly fence: number
  readonly cursor: Position
  readonly seals: readonly Seal[]
  readonly state: ReadonlyMap<string, Uint8Array>
  readonly lost: AbortSignal
  readonly #shard: Shard
  readonly #owner: string
  readonly #lease: Lease
  #frameBytes = 0

  constructor(shard: Shard, taken: Taken, leases: Set<AsyncDisposable>) {
    this.sink = taken.sink
    this.shard = shard.name
    this.fence = taken.fence
    this.cursor = taken.cursor
    this.seals = taken.seals
    this.state = taken.state
    this.#shard = shard
    this.#owner = taken.owner
    this.#lease = keepLease({
      renew: async () => void (await this.#change('lease', [], leaseMs)),
      release: async () => void (await this.#change('lease', [], 0)),
      among: leases,
    })
    this.lost = this.#lease.lost
  }

  async read(from: Position, { maxBytes }: { maxBytes: number }): Promise<readonly Frame[]> {
    const { keys, connection } = this.#shard
    const count = this.#frameBytes > 0 ? Math.ceil(maxBytes / this.#frameBytes) : firstFrames
    const range = [keys.log, `(${from.offset}-0`, '+', 'COUNT', Math.min(count, mostFrames)]
    // In this order on one connection: the log had at least so many records before it was read, and was still the same afterwards.
    const [end, entries, place] = await Promise.all([
      connection.ask((client) => client.hget(keys.meta, 'cumulative')),
      connection.ask((client) => client.callBuffer('xrange', ...range)),
      this.#shard.run('place', [this.sink]),
    ])
    const frames = firstBytes(toList(entries as Reply).map(toFrame), maxBytes) // entries of a stream
    this.#checkPlace(from, frames[0], { end: Number(end), place })
    if (frames.length > 0) this.#frameBytes = frames.reduce((sum, { bytes }) => sum + bytes.length, 0) / frames.length
    return frames
  }

  /** What lies before the cursor may have been trimmed meanwhile; all else must be as it was when the position was taken. */
  #checkPlace(
    from: Position,
    first: Frame | undefined,
    log: { end: number; place: readonly [string, ...Reply[]] },
  ): void {
    if (log.end < from.offset + from.index || (first && first.offset < from.offset))
      throw new LogResetError(
        `Shard ${this.shard} in Redis ends at record ${log.end} and had more: a fail-over or a restart lost its tail.`,
      )
    const next = first?.offset ?? log.end
    if (next === from.offset) return
    const [, fence, owner, offset, index] = log.place
    if (toNumber(fence) !== this.fence || toText(owner) !== this.#owner) throw fencedError(this.sink, toText(owner))
    if (comparePositions(from, { offset: toNumber(offset), index: toNumber(index) }) >= 0)
      throw new LogResetError(`The log lacks the frames from record ${from.offset} to ${next}.`)
  }

  async seal(block: Omit<Seal, 'id'>): Promise<Seal> {
    const [status, first, second] = await this.#change('seal', toArguments(block))
    if (status === 'order')
      throw new Error(
        `A block of ${this.sink} must begin at record ${toText(first)} and end by ${toText(second)}; ${show(block.from)} to ${show(block.to)} does not.`,
      )
    await this.#shard.replicated()
    return fromText(toText(first))
  }

  async split(seal: Seal, at: Position, tokens: readonly [string, string]): Promise<readonly [Seal, Seal]> {
    const rests = tokens.map((token) => toRest(token, seal.shape))
    const places = [seal.from, at, seal.to].flatMap(toPlace)
    const [status, left, right] = await this.#change('split', [seal.id, ...places, ...rests])
    if (status === 'order') throw new Error(`Block ${seal.id} of ${this.sink} cannot be split at ${show(at)}.`)
    await this.#shard.replicated()
    return [fromText(toText(left)), fromText(toText(right))]
  }

  async settle(seal: Seal, { delivered, filtered, deadLetters, state }: Settlement): Promise<void> {
    const letters = deadLetters.flatMap(({ form, reason, bytes }) => [form, reason, bytes])
    const counts = [delivered, filtered, deadLetters.length]
    const entries = [...(state ?? [])].flat()
    const args = [this.#shard.hasLag, seal.id, ...toPlace(seal.to), ...counts, ...letters, ...entries]
    const [status] = await this.#change('settle', args)
    if (status === 'order')
      throw new Error(`Block ${seal.id} of ${this.sink} is not the oldest sealed one, so it cannot be settled yet.`)
  }

  async evict(to: Position, records: number): Promise<void> {
    const [status] = await this.#change('evict', [this.#shard.hasLag, ...toPlace(to), records])
    if (status === 'order')
      throw new Error(`Records of ${this.sink} cannot be given up to the middle of a block, ${show(to)}.`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lease[Symbol.asyncDispose]()
  }

  #change(script: ScriptName, args: readonly Argument[], lastsMs = leaseMs) {
    return this.#shard.run(script, [this.sink, this.fence, this.#owner, lastsMs, ...args], this.sink)
  }
}

const show = ({ offset, index }: Position) => `${offset}+${index}`

function toFrame(entry: Reply): Frame {
  const [id, fields] = toList(entry)
  const values = new Map(toEntries(fields))
  const cumulative = Number.parseInt(toText(id), 10)
  const count = toNumber(values.get('count'))
  const appendedAtMs = toNumber(values.get('atMs'))
  return { offset: cumulative - count, count, cumulative, appendedAtMs, bytes: values.get('bytes') ?? new Uint8Array() }
}

function firstBytes(frames: readonly Frame[], maxBytes: number): readonly Frame[] {
  let roomBytes = maxBytes
  const end = frames.findIndex(({ bytes }) => {
    roomBytes -= bytes.length
    return roomBytes <= 0
  })
  return end < 0 ? frames : frames.slice(0, end + 1)
}
