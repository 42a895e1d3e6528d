import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, rename, stat, symlink, truncate, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { RequestRecord } from '../../record/fields.ts'
import type { Log } from '../../runtime/log.ts'
import { type Block, RejectedError } from '../sink.ts'
import type { Lines } from './lines.ts'
import { fileName, filePattern, isOfBlock, linkName, type Naming } from './name.ts'

/** How far a shard's newest file has come; what is saved in the settle. */
export interface Place {
  readonly name: string
  /** Its length: whatever stands behind was never settled. */
  readonly bytes: number
  /** When the log took the block that it begins with, Unix milliseconds. */
  readonly beganMs: number
  /** What its lines look like; a file has one kind. */
  readonly kind: string
}

export interface ShardFilesOptions {
  readonly folder: string
  readonly naming: Naming
  readonly lines: Lines
  readonly kind: string
  readonly rotate: { readonly bytes: number; readonly hours: number }
  readonly fsync: boolean
  readonly log: Log
}

/** 1 MiB of text at a time: few system calls, and little memory beside the block. */
const chunkCharacters = 1024 * 1024

/**
 * The files of one shard. A block is appended behind what is settled; bytes behind that, from an attempt that never
 * settled, are cut off first. So a repeat leaves the file as a single attempt would have.
 */
export class ShardFiles implements AsyncDisposable {
  readonly #options: ShardFilesOptions
  readonly #shard: string
  #settled: Place | undefined
  #written: { readonly token: string; readonly place: Place } | undefined
  #writing: Promise<unknown> = Promise.resolve()
  /**
   * Whether there may be bytes behind what is settled: of an owner before us, or of an attempt of ours that failed. Otherwise nothing is ever
   * cut: an owner that was stopped and goes on, not knowing that it has lost the shard, would cut off what the next one wrote.
   */
  #mayHaveLeftovers = true
  #opened: { readonly name: string; readonly handle: FileHandle; readonly inode: number } | undefined

  constructor(shard: string, settled: Place | undefined, options: ShardFilesOptions) {
    this.#shard = shard
    this.#settled = settled
    this.#options = options
  }

  /** Names of the files that are not complete. */
  get inUse(): ReadonlySet<string> {
    return new Set([this.#settled, this.#written?.place].flatMap((place) => place?.name ?? []))
  }

  /** Appends the block and waits for the disk. Where the shard's files end then, or undefined where there was nothing to write. One block at a time. */
  async write(block: Block, signal: AbortSignal): Promise<Place | undefined> {
    const writing = this.#write(block, signal)
    this.#writing = writing.catch(() => {}) // whoever called deals with it
    return await writing
  }

  /** The block is settled. Whether that completes the file before. */
  settle({ token }: Block): boolean {
    if (this.#written?.token !== token) return false
    const isNew = this.#written.place.name !== this.#settled?.name
    this.#settled = this.#written.place
    return isNew
  }

  /** Lets a write come to its end first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing
    await this.#close()
  }

  async #write(block: Block, signal: AbortSignal): Promise<Place | undefined> {
    const place = await this.#placeFor(block)
    if (!place) return undefined
    this.#written = { token: block.token, place }
    if (block.repeated) await this.#removeLeftovers(block, place)
    const handle = await this.#open(place)
    try {
      const bytes = await this.#append(handle, place.bytes, block, signal)
      if (this.#options.fsync) await handle.datasync()
      const written = { ...place, bytes }
      this.#written = { token: block.token, place: written }
      this.#mayHaveLeftovers = false
      return written
    } catch (error) {
      this.#mayHaveLeftovers = true
      this.#written = undefined
      // Readers see whole blocks, and a full disk has its room back. Not after an abort: then the file may be another owner's.
      if (!signal.aborted) await handle.truncate(place.bytes).catch(() => {})
      throw error
    }
  }

  async #placeFor(block: Block): Promise<Place | undefined> {
    const settled = this.#settled
    if (settled && (await this.#mayGrow(settled, block))) return settled
    const [first] = block.each()
    if (!first) return undefined
    const { naming, kind } = this.#options
    return { name: fileName(naming, block, first), bytes: 0, beganMs: block.appendedAtMs, kind }
  }

  async #mayGrow(settled: Place, block: Block): Promise<boolean> {
    const { folder, rotate, kind, log } = this.#options
    const path = join(folder, settled.name)
    const found = await stat(path).catch(ignoring('ENOENT'))
    if (!found || found.size < settled.bytes) {
      log('warn', 'File was moved away or cut; a new one is begun.', { path, settledBytes: settled.bytes })
      return false
    }
    const ageMs = block.appendedAtMs - settled.beganMs
    const mayGrow = settled.kind === kind && settled.bytes < rotate.bytes && ageMs < rotate.hours * 3_600_000
    // Under other options the same block may have been appended here and not settled.
    if (!mayGrow && this.#mayHaveLeftovers && found.size > settled.bytes) await truncate(path, settled.bytes)
    return mayGrow
  }

  /** Under other options an earlier attempt may have begun another file with this block. */
  async #removeLeftovers(block: Block, place: Place): Promise<void> {
    const { folder, naming } = this.#options
    const pattern = filePattern(naming, this.#shard)
    for (const name of (await readdir(folder).catch(ignoring('ENOENT'))) ?? []) {
      const isLeftover = pattern.test(name) && isOfBlock(name, block) && name !== place.name && !this.inUse.has(name)
      if (isLeftover) await unlink(join(folder, name))
    }
  }

  /** The file, as long as the place says. */
  async #open({ name, bytes }: Place): Promise<FileHandle> {
    const { folder } = this.#options
    const path = join(folder, name)
    const found = await stat(path).catch(ignoring('ENOENT'))
    if (this.#opened && (this.#opened.name !== name || this.#opened.inode !== found?.ino)) await this.#close()
    if (!this.#opened) {
      if (!found) await mkdir(folder, { recursive: true })
      const handle = await open(path, constants.O_RDWR | constants.O_CREAT)
      this.#opened = { name, handle, inode: (await handle.stat()).ino }
      if (!found) await this.#announce(name)
    }
    const { handle } = this.#opened
    if (found && found.size > bytes && this.#mayHaveLeftovers) await handle.truncate(bytes)
    return handle
  }

  /** Makes a new file's name durable, and lets the shard's link lead to it. */
  async #announce(name: string): Promise<void> {
    const { folder, naming, fsync, log } = this.#options
    if (fsync) {
      await using directory = await open(folder)
      await directory.sync()
    }
    const link = join(folder, linkName(naming, this.#shard))
    try {
      const there = await lstat(link).catch(ignoring('ENOENT'))
      if (there && !there.isSymbolicLink()) throw new Error('Something else stands in its place.')
      await unlink(`${link}.new`).catch(ignoring('ENOENT'))
      await symlink(name, `${link}.new`)
      await rename(`${link}.new`, link)
    } catch (error) {
      log('warn', 'Link to the newest file could not be made; records are written all the same.', { link, error })
    }
  }

  async #append(handle: FileHandle, from: number, block: Block, signal: AbortSignal): Promise<number> {
    const { lines } = this.#options
    let at = from
    let text = from === 0 ? lines.head : ''
    let index = 0
    for (const record of block.each()) {
      text += lineOf(record, lines, index++)
      if (text.length < chunkCharacters) continue
      signal.throwIfAborted()
      at = await writeWhole(handle, text, at)
      text = ''
    }
    signal.throwIfAborted()
    return await writeWhole(handle, text, at)
  }

  async #close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.handle.close()
  }
}

function lineOf(record: RequestRecord, lines: Lines, index: number): string {
  try {
    return lines.line(record)
  } catch (cause) {
    throw new RejectedError(`The record cannot be written as text: ${cause}`, { indexes: [index], cause })
  }
}

/** Writes the text at a position; where it ends. */
async function writeWhole(handle: FileHandle, text: string, position: number): Promise<number> {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
  return position + bytes.length
}

/** Takes one error for no answer. */
function ignoring(code: string): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error
  }
}
