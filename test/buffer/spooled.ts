import { randomUUID } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { endOf, type Buffer as Log, type StampedFrame, type Writer } from '../../buffer/buffer.ts'
import { openSqliteBuffer, type SqliteBuffer, type SqliteBufferOptions } from '../../buffer/sqlite/sqlite.ts'
import type { RequestRecord } from '../../record/fields.ts'
import { decodeFrame, encodeFrame, Undecodable } from '../../record/frame.ts'
import { aRecord } from '../../record/sample.ts'
import { scratchFolder } from '../scratch.ts'
import { wrappedLog } from './wrapped-log.ts'

/** A log on disk that a test opens, copies and damages. */
export interface SpoolFolder {
  readonly dir: string
  open(options?: Partial<SqliteBufferOptions>): Promise<SqliteBuffer>
  /** What is on disk now, as another folder. */
  copy(): Promise<SpoolFolder>
  /** Overwrites bytes of a frame where they lie. */
  tear(seq: number): void
}

export async function spoolFolder(t: TestContext): Promise<SpoolFolder> {
  const dir = join(await scratchFolder(t), 'log')
  return {
    dir,
    open: (options = {}) => openSqliteBuffer({ dir, maxBytes: 1024 ** 3, reserveBytes: 0, ...options }),
    async copy() {
      const other = await spoolFolder(t)
      await cp(dir, other.dir, { recursive: true })
      return other
    },
    tear(seq) {
      using db = new DatabaseSync(join(dir, 'buffer.db'))
      db.prepare("UPDATE frames SET bytes = CAST(substr(bytes, 1, 100) || 'torn' AS BLOB) WHERE seq = ?").run(seq)
    },
  }
}

export interface Boot {
  readonly producer: string
  readonly boot: number
  /** The next frame, with a record for each path. */
  frame(...paths: string[]): StampedFrame
}

/** One start of a producer, whose frames can be decoded. */
export function aBoot({ producer = String(randomUUID()), boot = 1 } = {}): Boot {
  let seq = 0
  let made = 0
  return {
    producer,
    boot,
    frame(...paths) {
      made += paths.length
      const id = { producer, boot, seq: seq++, made }
      return {
        ...id,
        count: paths.length,
        bytes: encodeFrame(
          paths.map((path) => aRecord({ path })),
          id,
        ),
      }
    },
  }
}

/** `n` different paths that tell where they come from. */
export function paths(n: number, prefix = ''): string[] {
  return Array.from({ length: n }, (_, i) => `/${prefix}${i}`)
}

export async function append(log: Log, ...frames: readonly StampedFrame[]): Promise<void> {
  await using writer = await log.writer()
  await writer.append(frames)
}

function recordsOf(frame: Uint8Array): (RequestRecord | undefined)[] {
  return decodeFrame(frame).map((record) => (record instanceof Undecodable ? undefined : record))
}

export function pathsOf(frame: Uint8Array): (string | undefined)[] {
  return recordsOf(frame).map((record) => record?.path)
}

/** Every record in a log, in order; undefined stands for one that cannot be decoded. */
export async function recordsIn(log: Log): Promise<(RequestRecord | undefined)[]> {
  await using reader = await log.reader({ sink: `look-${randomUUID()}`, shard: '0', owner: 'test', startAt: 'oldest' })
  if (!reader) throw new Error('A new sink is free to take.')
  const records: (RequestRecord | undefined)[] = []
  for (let at = reader.cursor; ; ) {
    const frames = await reader.read(at, { maxBytes: 1024 * 1024 })
    const last = frames.at(-1)
    if (!last) break
    for (const { bytes } of frames) records.push(...recordsOf(bytes))
    at = endOf(last)
  }
  await log.retire(reader.sink)
  return records
}

export async function pathsIn(log: Log): Promise<(string | undefined)[]> {
  return (await recordsIn(log)).map((record) => record?.path)
}

/** What a test makes of the calls of a writer: called before or after the real one, and may throw. */
export interface Faults {
  beforeAppend?: ((frames: readonly StampedFrame[]) => void) | undefined
  afterAppend?: ((frames: readonly StampedFrame[]) => void) | undefined
}

/** A log whose writers fail as the test wants. Disposing it leaves the real one open. */
export function withFaults(log: Log, faults: Faults): Log {
  const faulty = (writer: Writer): Writer => ({
    next: (producer, boot) => writer.next(producer, boot),
    skip: (gone) => writer.skip(gone),
    async append(frames) {
      faults.beforeAppend?.(frames)
      await writer.append(frames)
      faults.afterAppend?.(frames)
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  })
  return wrappedLog(log, { writer: async () => faulty(await log.writer()) })
}
