import { FrameError, FrameVersionError, readHead } from '../record/frame.ts'
import type { Buffer, StampedFrame, Writer } from './buffer.ts'
import type { SqliteBuffer } from './sqlite/sqlite.ts'

/** One start of a producer. */
export interface ProducerBoot {
  readonly producer: string
  readonly boot: number
}

/** A log that can give the frames of one boot again. */
export type FrameSource = Pick<SqliteBuffer, 'framesFrom'>

/** The log that lacks frames. */
export interface Mended {
  readonly buffer: Pick<Buffer, 'inspect'>
  readonly writer: Writer
}

/** 1 MiB: one append is one answer to wait for, and far below what a stall of Redis would take. */
export const forwardBytes = 1024 * 1024

/**
 * Brings a log up to `untilSeq` of a boot out of what `source` still has; passes what is gone for good or torn. Of the last frames
 * nothing may be left that tells how many records they had: `made` is how many the boot had put into all before `untilSeq`.
 * Resolves to how many records were passed. May be repeated, whatever became of the last time.
 */
export async function mend(
  source: FrameSource,
  { buffer, writer }: Mended,
  { producer, boot }: ProducerBoot,
  untilSeq: number,
  made?: number,
): Promise<number> {
  let skipped = 0
  let next = await writer.next(producer, boot)
  while (next < untilSeq) {
    const frames = await source.framesFrom(producer, boot, next, { maxBytes: forwardBytes })
    const first = frames[0]
    if (!first || first.seq >= untilSeq) break
    if (first.seq > next) skipped += await skipTo(first, { buffer, writer })
    const end = frames.findIndex((frame, i) => frame.seq !== first.seq + i || frame.seq >= untilSeq || isTorn(frame))
    const whole = end < 0 ? frames : frames.slice(0, end)
    if (whole.length > 0) await writer.append(whole)
    else {
      await writer.skip({ producer, boot, throughSeq: first.seq, records: first.count })
      skipped += first.count
    }
    next = first.seq + Math.max(whole.length, 1)
  }
  if (next < untilSeq && made !== undefined)
    skipped += await skipThrough({ producer, boot, throughSeq: untilSeq - 1, made }, { buffer, writer })
  return skipped
}

/** Passes all that lies between what a log has of a boot and `first`, the oldest frame that is left. Resolves to how many records that is. */
export async function skipTo({ seq, made, count, ...boot }: StampedFrame, mended: Mended): Promise<number> {
  return await skipThrough({ ...boot, throughSeq: seq - 1, made: made - count }, mended)
}

/** Passes all that a log lacks of a boot up to and including `throughSeq`, by when the boot had made so many records. */
async function skipThrough(
  { producer, boot, throughSeq, made }: ProducerBoot & { readonly throughSeq: number; readonly made: number },
  { buffer, writer }: Mended,
): Promise<number> {
  const reports = (await buffer.inspect()).flatMap((shard) => shard.producers)
  const known = reports.filter((report) => report.producer === producer && report.boot === boot)
  const records = known.reduce((rest, { appended, skipped }) => rest - appended - skipped, made)
  await writer.skip({ producer, boot, throughSeq, records: Math.max(0, records) })
  return records
}

function isTorn(frame: StampedFrame): boolean {
  try {
    return readHead(frame.bytes).seq !== frame.seq
  } catch (error) {
    if (error instanceof FrameError && !(error instanceof FrameVersionError)) return true
    throw error
  }
}
