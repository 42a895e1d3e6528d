import type { Ledger, Position, ProducerReport, Seal } from '../../buffer/buffer.ts'

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
  readonly reasons: string[]
  readonly state: Map<string, string>
}

export function emptyModel(): Model {
  return { producers: new Map(), sinks: new Map(), frames: [], cumulative: 0 }
}

export function producerIn({ producers }: Model, name: string): ModelProducer {
  const known = producers.get(name) ?? { nextSeq: 0, appended: 0, skipped: 0 }
  producers.set(name, known)
  return known
}

export function appendTo(model: Model, producer: string, text: string, count: number): void {
  model.frames.push({ text, offset: model.cumulative, count, trimmed: false })
  model.cumulative += count
  const counts = producerIn(model, producer)
  counts.nextSeq++
  counts.appended += count
}

export function register(model: Model, startAt: 'oldest' | 'now'): ModelSink {
  const oldest = heldFrames(model)[0]?.offset ?? model.cumulative
  const start = startAt === 'oldest' ? oldest : model.cumulative
  const counts = { delivered: 0, filtered: 0, deadLettered: 0, evicted: 0 }
  return { started: start, cursor: start, ...counts, seals: [], reasons: [], state: new Map() }
}

export function heldFrames({ frames }: Model): ModelFrame[] {
  return frames.filter(({ trimmed }) => !trimmed)
}

/** Marks what every sink has passed; how many frames that is. */
export function trim(model: Model): number {
  const slowest = Math.min(...[...model.sinks.values()].map(({ cursor }) => cursor))
  const passed = heldFrames(model).filter(({ offset, count }) => model.sinks.size > 0 && offset + count <= slowest)
  for (const frame of passed) frame.trimmed = true
  return passed.length
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
  return [...sinks].sort(byName).map(([sink, { started, cursor, delivered, filtered, deadLettered, evicted }]) => ({
    ...{ sink, delivered, filtered, deadLettered, evicted },
    appended: cumulative - started,
    backlog: cumulative - cursor,
  }))
}

export function producersOf({ producers }: Model): ProducerReport[] {
  return [...producers].sort(byName).map(([producer, counts]) => ({ producer, boot: 1, ...counts }))
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1)
