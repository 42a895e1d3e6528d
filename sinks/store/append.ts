import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { RequestRecord } from '../../record/fields.ts'
import { type Block, RejectedError } from '../sink.ts'
import { type DuckDb, toStoreError } from './duckdb.ts'
import { encode } from './encode.ts'
import type { Folder } from './folder.ts'
import type { Manifest, StoredFile } from './manifest.ts'
import type { ParquetWriter } from './parquet.ts'
import type { Room } from './room.ts'
import { columns } from './schema.ts'

export type AppendedBlock = Pick<Block, 'token' | 'records' | 'appendedAtMs'>

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
      for (const [hour, places] of byHour(block)) files.push(await writeFile(block.records, hour, places, signal))
      const receivedAtMs = Math.max(manifest.facts.receivedAtMs, block.appendedAtMs)
      manifest.commit({ token: block.token, add: files, facts: { receivedAtMs } })
    } catch (error) {
      if (!manifest.hasToken(block.token)) folder.discard(files)
      signal.throwIfAborted()
      throw toStoreError(error)
    }
    return files.map(({ hour }) => hour)
  }

  async function writeFile(
    all: readonly RequestRecord[],
    hour: number,
    places: readonly number[],
    signal: AbortSignal,
  ): Promise<StoredFile> {
    const records = places.length === all.length ? all : places.map((place) => all[place]!) // places lie within
    const encoded = encodeOrReject(records, places)
    using _room = await room.take(encoded.boundBytes, signal)
    const temp = folder.tempPath()
    try {
      await writer.write(encoded, temp, signal)
      const name = fileName(hour)
      const bytes = await folder.place(temp, name)
      const { boundBytes, rows } = encoded
      return { name, hour, columns: columns.length, rows, bytes, boundBytes, ...span(records), madeAtMs: now() }
    } catch (error) {
      rmSync(temp, { force: true })
      throw error
    }
  }

  function encodeOrReject(records: readonly RequestRecord[], places: readonly number[]) {
    const reasons = new Map<number, string>()
    const encoded = encode(duck, records, (index, reason) => reasons.set(places[index]!, reason)) // the same length
    const [first] = reasons.values()
    if (first !== undefined) {
      throw new RejectedError(`The store cannot hold ${reasons.size} of the records, such as one whose ${first}.`, {
        indexes: [...reasons.keys()],
      })
    }
    return encoded
  }
}

/** A path that no file had before, by which a person finds the hour. */
export function fileName(hour: number): string {
  const iso = new Date(hour * 3_600_000).toISOString()
  return `${iso.slice(0, 10)}/${iso.slice(11, 13)}-${randomUUID()}.parquet`
}

/** Places of a block's records by the hour of their start, which lies between a day before the receipt and the receipt. */
function byHour({ records, appendedAtMs }: AppendedBlock): Map<number, number[]> {
  const latest = appendedAtMs * 1000
  const earliest = Math.max(0, latest - lateUs)
  const hours = new Map<number, number[]>()
  for (const [place, { ts }] of records.entries()) {
    const hour = Math.floor(Math.min(Math.max(ts, earliest), latest) / hourUs)
    const places = hours.get(hour)
    if (places) places.push(place)
    else hours.set(hour, [place])
  }
  return hours
}

function span(records: readonly RequestRecord[]): Pick<StoredFile, 'minTsUs' | 'maxTsUs'> {
  let minTsUs = Number.POSITIVE_INFINITY
  let maxTsUs = 0
  for (const { ts } of records) {
    minTsUs = Math.min(minTsUs, ts)
    maxTsUs = Math.max(maxTsUs, ts)
  }
  return { minTsUs, maxTsUs }
}
