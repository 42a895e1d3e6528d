import type { Buffer } from '../buffer/buffer.ts'
import { deadLettersOf } from '../buffer/dead-letters.ts'
import type { RequestRecord } from '../record/fields.ts'
import { isOf } from '../record/trace.ts'
import type { Holdings, Person } from '../sinks/holdings.ts'
import { HaltError, RetryableError } from '../sinks/sink.ts'
import { type LoggedRecord, loggedRecords, settledOrdinal } from './logged.ts'

/** A sink of the configuration, as an erasure sees it. */
export interface ErasedSink {
  readonly name: string
  /** What it holds; where nobody can say that, a sentence why. */
  readonly holdings: Holdings | string
  /** The names under which the sink's records have the person: its rules may have changed them. */
  readonly known: readonly Person[]
}

export interface EraseOptions {
  readonly buffer: Buffer
  readonly sinks: readonly ErasedSink[]
  readonly person: Person
  /** What is only counted stays as it is. */
  readonly mode: 'count' | 'erase'
  readonly signal: AbortSignal
}

/** What became of the person's records in one sink. */
export interface ErasedFromSink {
  readonly sink: string
  /** Records found; undefined where nobody can say. */
  readonly found: number | undefined
  readonly removed: number
  readonly overwritten: number
  /** Dead letters found, and let go of. */
  readonly deadLetters: number
  /** Records in the log that this sink has not got yet: they will come. */
  readonly waiting: number
  readonly notes: readonly string[]
  /** Why the sink could not be asked; then nothing of it is erased. */
  readonly failure: string | undefined
}

/** Erases one consumer from every sink that can be reached and from its dead letters, and says what stays. May be repeated at any time. */
export async function* erase(options: EraseOptions): AsyncGenerator<ErasedFromSink> {
  const { sinks } = options
  const waiting = await waitingFor(options)
  for (const sink of sinks) {
    const letters = await lettersOf(options, sink)
    const { notes, ...held } = await eraseFrom(options, sink)
    yield {
      sink: sink.name,
      ...held,
      deadLetters: letters.count,
      waiting: waiting(sink.name),
      notes: [...notes, ...letters.notes],
    }
  }
}

async function eraseFrom({ mode, signal }: EraseOptions, { holdings, known }: ErasedSink) {
  const none = { found: undefined, removed: 0, overwritten: 0, failure: undefined }
  if (typeof holdings === 'string') return { ...none, notes: [holdings] }
  const sum = { found: 0, removed: 0, overwritten: 0, notes: new Set<string>() }
  try {
    for (const person of known) {
      sum.found += await holdings.recordsOf(person, signal)
      if (mode === 'count') continue
      const { removed, overwritten, notes } = await holdings.erase(person, signal)
      sum.removed += removed
      sum.overwritten += overwritten
      for (const note of notes) sum.notes.add(note)
    }
    return { ...sum, notes: [...sum.notes], failure: undefined }
  } catch (error) {
    if (!(error instanceof RetryableError || error instanceof HaltError)) throw error
    return { ...sum, notes: [...sum.notes], failure: error.message }
  }
}

async function lettersOf({ buffer, mode, person }: EraseOptions, { name, known }: ErasedSink) {
  const theirs: number[] = []
  let unreadable = 0
  for await (const { id, form, bytes } of deadLettersOf(buffer, name)) {
    const record = form === 'json' ? toRecord(bytes) : undefined
    if (!record) unreadable++
    else if ([person, ...known].some((one) => isOf(record, one))) theirs.push(id)
  }
  const notes: string[] = []
  if (unreadable > 0)
    notes.push(`${unreadable} of its dead letters cannot be read: whose they are, penstock dead show may tell.`)
  if (mode === 'count') return { count: theirs.length, notes }
  const dropped = await buffer.dropDeadLetters(name, theirs)
  if (dropped < theirs.length)
    notes.push(`${theirs.length - dropped} dead letters are being delivered again: erase again when that is done.`)
  return { count: dropped, notes }
}

function toRecord(bytes: Uint8Array): RequestRecord | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as RequestRecord // as the pump wrote it
  } catch {
    return undefined
  }
}

/** How many of the person's records the log holds that a sink has not settled. */
async function waitingFor({ buffer, person, signal }: EraseOptions): Promise<(sink: string) => number> {
  const theirs: Omit<LoggedRecord, 'record'>[] = []
  for await (const { record, ...place } of loggedRecords(buffer, { signal }))
    if (isOf(record, person)) theirs.push(place)
  const reports = await buffer.inspect()
  return (sink) => {
    const settled = settledOrdinal(reports, sink)
    return theirs.filter((place) => place.ordinal > (settled(place) ?? Number.POSITIVE_INFINITY)).length
  }
}
