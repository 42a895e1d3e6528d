import type { DeadLetter, Position, Seal } from '../../buffer/buffer.ts'
import type { Ledger, ProducerReport } from '../../buffer/ledger.ts'
import { idSumModulus, type MinuteSum } from '../../record/minute-sum.ts'

/** What a log must look like: plain lists, where a place is the number of records before it. */
export interface Model {
  readonly producers: Map<string, ModelProducer>
  readonly sinks: Map<string, ModelSink>
  /** Every frame that ever was. */
  readonly frames: ModelFrame[]
  cumulative: number
}

export interface ModelProducer {
  nextSeq: number
  appended: number
  skipped: number
}

export interface ModelFrame {
  readonly text: string
  readonly offset: number
  readonly count: number
  /** By the log's clock, as it said itself. */
  readonly appendedAtMs: number
  trimmed: boolean
}

export interface ModelSink {
  readonly started: number
  cursor: number
  delivered: number
  filtered: number
  deadLettered: number
  evicted: number
  seals: Seal[]
  /** Oldest first. */
  letters: ModelLetter[]
  /** Oldest first, each with its letters. */
  batches: ModelLetter[][]
  /** Whether the last owner let go of it. */
  isFree: boolean
  readonly minutes: Map<number, MinuteSum>
  readonly state: Map<string, string>
}

export interface ModelLetter {
  readonly form: DeadLetter['form']
  reason: string
}

export function emptyModel(): Model {
  return { producers: new Map(), sinks: new Map(), frames: [], cumulative: 0 }
}

export function producerIn({ producers }: Model, name: string): ModelProducer {
  const known = producers.get(name) ?? { nextSeq: 0, appended: 0, skipped: 0 }
  producers.set(name, known)
  return known
}

export function appendTo(model: Model, producer: string, frame: Pick<ModelFrame, 'text' | 'count' | 'appendedAtMs'>) {
  model.frames.push({ ...frame, offset: model.cumulative, trimmed: false })
  model.cumulative += frame.count
  const counts = producerIn(model, producer)
  counts.nextSeq++
  counts.appended += frame.count
}

/** A sink that begins with the first frame held that was appended at a time or later; behind the newest where there is none. */
export function register(model: Model, sinceMs: number): ModelSink {
  const first = heldFrames(model).find(({ appendedAtMs }) => appendedAtMs >= sinceMs)
  const start = first?.offset ?? model.cumulative
  return {
    ...{ started: start, cursor: start, delivered: 0, filtered: 0, deadLettered: 0, evicted: 0 },
    ...{ seals: [], letters: [], batches: [], isFree: true, minutes: new Map(), state: new Map() },
  }
}

export function heldFrames({ frames }: Model): ModelFrame[] {
  return frames.filter(({ trimmed }) => !trimmed)
}

/** Marks what every sink has passed and was appended before a time; how many frames that is. */
export function trim(model: Model, keepSinceMs: number, oldestMinute: number): number {
  const sinks = [...model.sinks.values()]
  for (const { minutes } of sinks)
    for (const minute of minutes.keys()) if (minute < oldestMinute) minutes.delete(minute)
  const slowest = Math.min(...sinks.map(({ cursor }) => cursor))
  const passed = heldFrames(model).filter(
    ({ offset, count, appendedAtMs }) => sinks.length > 0 && offset + count <= slowest && appendedAtMs < keepSinceMs,
  )
  for (const frame of passed) frame.trimmed = true
  return passed.length
}

export function addMinute({ minutes }: ModelSink, { minute, records, idSum }: MinuteSum): void {
  const known = minutes.get(minute) ?? { records: 0, idSum: 0 }
  minutes.set(minute, { minute, records: known.records + records, idSum: (known.idSum + idSum) % idSumModulus })
}

export function isRetried({ batches }: ModelSink, letter: ModelLetter): boolean {
  return batches.some((batch) => batch.includes(letter))
}

/** A place as the log spells it: within a frame, or at the end of one. */
export function toPosition({ frames }: Model, place: number): Position {
  const frame = frames.find(({ offset, count }) => offset <= place && place < offset + count)
  return frame ? { offset: frame.offset, index: place - frame.offset } : { offset: place, index: 0 }
}

export function toPlace({ offset, index }: Position): number {
  return offset + index
}

/** Where the next block of a sink begins. */
export function sealedTo({ seals, cursor }: ModelSink): number {
  const last = seals.at(-1)
  return last ? toPlace(last.to) : cursor
}

export function ledgersOf({ sinks, cumulative }: Model): Omit<Ledger, 'oldestAtMs'>[] {
  return [...sinks]
    .sort(byName)
    .map(([sink, { started, cursor, delivered, filtered, deadLettered, evicted, letters }]) => ({
      ...{ sink, delivered, filtered, deadLettered, evicted },
      appended: cumulative - started,
      backlog: cumulative - cursor,
      deadLettersHeld: letters.length,
    }))
}

export function producersOf({ producers }: Model): ProducerReport[] {
  return [...producers].sort(byName).map(([producer, counts]) => ({ producer, boot: 1, ...counts }))
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1)
