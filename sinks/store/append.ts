import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { RequestRecord } from '../../record/fields.ts'
import { type Block, RejectedError } from '../sink.ts'
import { type DuckDb, toStoreError } from './duckdb.ts'
import { type Encoded, Encoder } from './encode.ts'
import type { Folder } from './folder.ts'
import type { Manifest, StoredFile } from './manifest.ts'
import type { ParquetWriter } from './parquet.ts'
import type { Room } from './room.ts'
import { columns } from './schema.ts'

export type AppendedBlock = Pick<Block, 'token' | 'each' | 'appendedAtMs'>

/** Makes blocks durable, one at a time. */
export interface Appender extends AsyncDisposable {
  /** Resolves to the hours that got a file once the block is in the manifest; to none where it was already. */
  append(block: AppendedBlock, signal: AbortSignal): Promise<readonly number[]>
}

export interface AppenderOptions {
  readonly duck: DuckDb
  readonly folder: Folder
  readonly manifest: Manifest
  readonly writer: ParquetWriter
  readonly room: Room
  readonly now: () => number
}

/** A day: a record that comes later than this is filed under its receipt, so that no clock, however wrong, makes more than 25 partitions. */
const lateUs = 24 * 3600 * 1e6
const hourUs = 3600 * 1e6
/** 2,048 records, some 10 ms: how long nobody else in the process gets a turn. */
const pauseEvery = 2048

export function openAppender({ duck, folder, manifest, writer, room, now }: AppenderOptions): Appender {
  let turn: Promise<unknown> = Promise.resolve()

  return {
    append(block, signal) {
      const appending = turn.then(() => appendNow(block, signal))
      turn = appending.catch(() => {}) // the caller sees it
      return appending
    },
    async [Symbol.asyncDispose]() {
      await turn
    },
  }

  async function appendNow(block: AppendedBlock, signal: AbortSignal): Promise<readonly number[]> {
    signal.throwIfAborted()
    if (manifest.hasToken(block.token)) return []
    const files: StoredFile[] = []
    try {
      for (const hour of await encodeByHour(block, signal)) files.push(await writeFile(hour, signal))
      const receivedAtMs = Math.max(manifest.facts.receivedAtMs, block.appendedAtMs)
      manifest.commit({ token: block.token, add: files, facts: { receivedAtMs } })
    } catch (error) {
      if (!manifest.hasToken(block.token)) folder.discard(files)
      signal.throwIfAborted()
      throw toStoreError(error)
    }
    return files.map(({ hour }) => hour)
  }

  /** Encodes the records while they pass, each into its hour. */
  async function encodeByHour(block: AppendedBlock, signal: AbortSignal): Promise<EncodedHour[]> {
    const hours = new Map<number, HourDraft>()
    const refused = new Map<number, string>()
    let place = 0
    for (const record of block.each()) {
      const hour = hourOf(record.ts, block.appendedAtMs)
      const draft = hours.get(hour) ?? openDraft(duck, refused)
      hours.set(hour, draft)
      draft.add(record, place)
      if (++place % pauseEvery === 0) await setImmediate(undefined, { signal })
    }
    const encoded = [...hours].map(([hour, draft]) => ({ hour, ...draft.finish() }))
    const [reason] = refused.values()
    if (reason !== undefined) {
      throw new RejectedError(`The store cannot hold ${refused.size} of the records, such as one whose ${reason}.`, {
        indexes: [...refused.keys()].sort((a, b) => a - b),
      })
    }
    return encoded
  }

  async function writeFile({ hour, encoded, ...times }: EncodedHour, signal: AbortSignal): Promise<StoredFile> {
    const { boundBytes, rows } = encoded
    using _room = await room.take(boundBytes, signal)
    const temp = folder.tempPath()
    try {
      await writer.write(encoded, temp, signal)
      const name = fileName(hour)
      const bytes = await folder.place(temp, name)
      return { name, hour, columns: columns.length, rows, bytes, boundBytes, ...times, madeAtMs: now() }
    } catch (error) {
      rmSync(temp, { force: true })
      throw error
    }
  }
}

interface EncodedHour extends Times {
  readonly hour: number
  readonly encoded: Encoded
}

interface Times {
  readonly minTsUs: number
  readonly maxTsUs: number
}

/** The records of one hour of a block, while they pass. */
interface HourDraft {
  add(record: RequestRecord, place: number): void
  finish(): Times & { readonly encoded: Encoded }
}

/** `refused` takes the places in the block of records that cannot be held, with the reason. */
function openDraft(duck: DuckDb, refused: Map<number, string>): HourDraft {
  const places: number[] = []
  const encoder = new Encoder(duck, (row, reason) => refused.set(places[row]!, reason)) // a place for each row
  let minTsUs = Number.POSITIVE_INFINITY
  let maxTsUs = 0
  return {
    add(record, place) {
      places.push(place)
      encoder.add(record)
      minTsUs = Math.min(minTsUs, record.ts)
      maxTsUs = Math.max(maxTsUs, record.ts)
    },
    finish: () => ({ encoded: encoder.finish(), minTsUs, maxTsUs }),
  }
}

/** The hour of a record's start, but never after its receipt nor more than a day before. */
function hourOf(tsUs: number, receivedAtMs: number): number {
  const latest = receivedAtMs * 1000
  return Math.floor(Math.min(Math.max(tsUs, latest - lateUs, 0), latest) / hourUs)
}

/** A path that no file had before, by which a person finds the hour. */
export function fileName(hour: number): string {
  const iso = new Date(hour * 3_600_000).toISOString()
  return `${iso.slice(0, 10)}/${iso.slice(11, 13)}-${randomUUID()}.parquet`
}
