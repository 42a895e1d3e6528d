import { EventEmitter, once } from 'node:events'
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What the folder knows of a file. */
export interface FolderFile {
  readonly name: string
}

/** Room on the disk that nobody else may take; disposing gives it back. */
export type Reservation = Disposable

const tempName = 'tmp'
export const manifestName = 'manifest.db'
/** 2 MiB: what the manifest and its log, checkpointed at 1 MiB, and the folders may grow by between two looks at them. */
const slackBytes = 2 * 1024 * 1024
const diskBlockBytes = 4096

/**
 * The store's folder on the disk: what lies in it, what of it is being read, and how much it takes.
 *
 *     holder.lock                    locked by the process that holds the store
 *     manifest.db                    which files and blocks there are
 *     tmp/…                          files being written
 *     2026-11-21/09-….parquet        records of one hour, by day
 */
export class Folder {
  readonly #dir: string
  readonly #maxBytes: number
  readonly #bytes = new Map<string, number>()
  readonly #readers = new Map<string, number>()
  readonly #doomed = new Set<string>()
  readonly #freed = new EventEmitter()
  #fileBytes = 0
  #reservedBytes = 0
  #temps = 0

  /** Takes the folder over with the files that the manifest lists: whatever else a crash left behind goes, with empty folders. */
  constructor(dir: string, maxBytes: number, listed: readonly FolderFile[]) {
    this.#dir = dir
    this.#maxBytes = maxBytes
    rmSync(join(dir, tempName), { recursive: true, force: true })
    mkdirSync(join(dir, tempName), { recursive: true })
    const names = new Set(listed.map(({ name }) => name))
    for (const day of this.#days()) {
      for (const file of readdirSync(join(dir, day))) {
        const name = `${day}/${file}`
        if (names.has(name)) this.#account(name)
        else rmSync(join(dir, name), { recursive: true })
      }
      removeIfEmpty(join(dir, day))
    }
  }

  has(name: string): boolean {
    return this.#bytes.has(name)
  }

  path(name: string): string {
    return join(this.#dir, name)
  }

  /** A path for a file that is being written. */
  tempPath(): string {
    return join(this.#dir, tempName, `${++this.#temps}.parquet`)
  }

  /** Bytes on the disk, of all that lies here, and promised. */
  get takenBytes(): number {
    return this.#fileBytes + this.#reservedBytes + this.#overheadBytes() + slackBytes
  }

  /** Promises room for `bytes` more, or undefined where the limit leaves none. */
  reserve(bytes: number): Reservation | undefined {
    if (this.takenBytes + bytes > this.#maxBytes) return undefined
    this.#reservedBytes += bytes
    let held = bytes
    return {
      [Symbol.dispose]: () => {
        this.#reservedBytes -= held
        held = 0
      },
    }
  }

  /** Makes a written file durable and gives it its name. Resolves to what it takes on the disk. */
  async place(temp: string, name: string): Promise<number> {
    await sync(temp)
    const to = this.path(name)
    const day = dirname(to)
    const isNew = mkdirSync(day, { recursive: true }) !== undefined
    renameSync(temp, to)
    const bytes = this.#account(name)
    await sync(day)
    if (isNew) await sync(this.#dir)
    return bytes
  }

  /** Keeps the files on the disk until disposed, though they be discarded in the meantime. */
  lease(files: readonly FolderFile[]): Disposable {
    for (const { name } of files) this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1)
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (!held) return
        held = false
        for (const { name } of files) this.#release(name)
      },
    }
  }

  /** Deletes the files: at once, or when the last reader is done. */
  discard(files: readonly FolderFile[]): void {
    for (const { name } of files) {
      if (this.#readers.has(name)) this.#doomed.add(name)
      else this.#delete(name)
    }
  }

  /** Whether files wait for their readers before they go. */
  get isFreeing(): boolean {
    return this.#doomed.size > 0
  }

  /** Resolves when the next file is gone. */
  async freed(signal: AbortSignal): Promise<void> {
    await once(this.#freed, 'freed', { signal })
  }

  #release(name: string): void {
    const left = (this.#readers.get(name) ?? 1) - 1
    if (left > 0) {
      this.#readers.set(name, left)
      return
    }
    this.#readers.delete(name)
    if (this.#doomed.delete(name)) this.#delete(name)
  }

  #delete(name: string): void {
    rmSync(this.path(name), { force: true })
    this.#fileBytes -= this.#bytes.get(name) ?? 0
    this.#bytes.delete(name)
    removeIfEmpty(dirname(this.path(name)))
    this.#freed.emit('freed')
  }

  #account(name: string): number {
    const bytes = bytesOnDisk(this.path(name))
    this.#bytes.set(name, bytes)
    this.#fileBytes += bytes
    return bytes
  }

  #overheadBytes(): number {
    const folders = [this.#dir, join(this.#dir, tempName), ...this.#days().map((day) => join(this.#dir, day))]
    const database = ['', '-wal', '-shm', '-journal'].map((suffix) => join(this.#dir, manifestName + suffix))
    return [...folders, ...database].reduce((sum, path) => sum + bytesOnDisk(path), 0)
  }

  #days(): string[] {
    return readdirSync(this.#dir).filter((name) => /^\d+-\d\d-\d\d$/.test(name))
  }
}

/** What a file takes, as `du` counts it, also on file systems that tell late; 0 where there is none. */
function bytesOnDisk(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return 0
  return Math.max(found.blocks * 512, Math.ceil(found.size / diskBlockBytes) * diskBlockBytes)
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

function removeIfEmpty(dir: string): void {
  if (readdirSync(dir).length === 0) rmdirSync(dir)
}
