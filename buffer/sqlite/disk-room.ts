import { statfsSync, statSync } from 'node:fs'
import { LogResetError } from '../buffer.ts'

export interface DiskRoomOptions {
  readonly file: string
  /** Free space of the disk under a file. */
  readonly freeBytes?: (file: string) => number
  readonly now?: () => number
}

/** 64 MiB: what append leaves free, so that settle and trim always succeed; the database's own log grows to a few MiB between checkpoints. */
export const defaultReserveBytes = 64 * 1024 * 1024
/** 1 s: how old the answer of the file system may be; the reserve lasts for longer than that. */
const askEveryMs = 1000

/** What the disk under a file has left, asked for at most once a second. */
export class DiskRoom {
  readonly #options: Required<DiskRoomOptions>
  readonly #inode: number
  #askedAtMs = Number.NEGATIVE_INFINITY
  #freeBytes = 0

  constructor({ file, freeBytes = freeBytesOf, now = () => performance.now() }: DiskRoomOptions) {
    this.#options = { file, freeBytes, now }
    this.#inode = statSync(file).ino
  }

  /** Throws LogResetError where the file is no longer the one that was opened: what goes into it would be lost. */
  check(): void {
    const { file, freeBytes, now } = this.#options
    if (now() - this.#askedAtMs < askEveryMs) return
    if (statSync(file, { throwIfNoEntry: false })?.ino !== this.#inode)
      throw new LogResetError(`${file} was moved or deleted while it was open: what it held is gone.`)
    this.#freeBytes = freeBytes(file)
    this.#askedAtMs = now()
  }

  /** Checks, too. */
  freeBytes(): number {
    this.check()
    return this.#freeBytes
  }

  /** So many bytes were written since: twice, into the database's own log and from there into the file. */
  take(bytes: number): void {
    this.#freeBytes -= 2 * bytes
  }
}

function freeBytesOf(file: string): number {
  const { bavail, bsize } = statfsSync(file)
  return bavail * bsize
}
