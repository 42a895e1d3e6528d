import {
  endOf,
  type Frame,
  type Buffer as Log,
  type Position,
  type Reader,
  type Seal,
  type StampedFrame,
  type StartAt,
} from '../../buffer/buffer.ts'

/** A log of a test's own, removed when it is disposed. */
export interface ScratchLog extends AsyncDisposable {
  /** Opens the log once more, as another process would; closed with the scratch log at the latest. */
  open(): Promise<Log>
  /** How another process opens it, by the table of buffers. */
  readonly address: LogAddress
}

export interface LogAddress {
  readonly type: string
  readonly options: object
  readonly dataDir: string
}

export type MakeLog = (options?: { maxBytes?: number }) => Promise<ScratchLog>

export interface Producer {
  readonly producer: string
  readonly boot: number
  /** The next frames, of so many records each. */
  frames(...counts: number[]): StampedFrame[]
}

/** Makes the frames of one boot, in order. Their bytes tell them apart. */
export function aProducer({ producer = 'p1', boot = 1, frameBytes = 0 } = {}): Producer {
  let seq = 0
  let made = 0
  const frame = (count: number): StampedFrame => {
    made += count
    const bytes = Buffer.from(`${producer}/${boot}/${seq}`.padEnd(frameBytes, '.'))
    return { producer, boot, seq: seq++, made, count, bytes }
  }
  return { producer, boot, frames: (...counts) => counts.map(frame) }
}

/** Appends through a writer of its own. */
export async function append(log: Log, frames: readonly StampedFrame[]): Promise<void> {
  await using writer = await log.writer()
  await writer.append(frames)
}

export interface TakeOptions {
  readonly sink?: string
  readonly owner?: string
  readonly startAt?: StartAt
  readonly shard?: string
}

/** Takes a sink's reading end, which must be free. The same owner takes it again from itself, as a process that came back would. */
export async function take(log: Log, options: TakeOptions = {}): Promise<Reader> {
  const reader = await tryTake(log, options)
  if (!reader) throw new Error('Another owner has the lease.')
  return reader
}

export async function tryTake(log: Log, options: TakeOptions = {}): Promise<Reader | undefined> {
  const shard = log.shards[0] ?? ''
  return await log.reader({ sink: 'a', shard, owner: 'o1', startAt: 'oldest', ...options })
}

/** All frames from a position on. */
export async function readAll(reader: Reader, from: Position = reader.cursor): Promise<readonly Frame[]> {
  const frames: Frame[] = []
  for (let next = from; ; ) {
    const more = await reader.read(next, { maxBytes: 1024 * 1024 })
    const last = more.at(-1)
    if (!last) return frames
    frames.push(...more)
    next = endOf(last)
  }
}

export const textOf = ({ bytes }: { readonly bytes: Uint8Array }) => Buffer.from(bytes).toString()

/** Seals as the next owner finds them when the last one did not let go. */
export function afterDeath(...seals: readonly Seal[]): Seal[] {
  return seals.map((seal) => ({ ...seal, deaths: seal.deaths + 1 }))
}

/** Seals all records from where the last seal ends, or the cursor, up to a position. */
export async function sealTo(reader: Reader, from: Position, to: Position, token = `t${to.offset}+${to.index}`) {
  return await reader.seal({ from, to, token, shape: '{}' })
}

export const nothingElse = { filtered: 0, deadLetters: [] } as const

/** The first shard's report. */
export async function report(log: Log) {
  const [shard] = await log.inspect()
  if (!shard) throw new Error('The log has no shard.')
  return shard
}

export async function ledger(log: Log, sink = 'a') {
  const found = (await report(log)).ledgers.find((one) => one.sink === sink)
  if (!found) throw new Error(`${sink} is not registered.`)
  return found
}

/** A new log of five frames of two records each, and sink `a` at its begin. */
export async function tenRecords(make: MakeLog) {
  const scratch = await make()
  const log = await scratch.open()
  await append(log, aProducer().frames(2, 2, 2, 2, 2))
  return { scratch, log, reader: await take(log), [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() }
}

export const at = (offset: number, index = 0): Position => ({ offset, index })
