import { execFile, spawnSync } from 'node:child_process'
import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A file system of its own under a folder, small enough to be filled. Disposing takes it away with all that is on it. */
export interface SmallDisk extends Disposable {
  /** Takes what is free, but for so many bytes; what others free or need meanwhile is theirs. */
  fill(leaveBytes: number): Promise<void>
  /** Gives back what `fill` took. */
  empty(): Promise<void>
}

/** Mounts a tmpfs; undefined where this user or this machine may not. */
export async function mountSmallDisk(folder: string, bytes: number): Promise<SmallDisk | undefined> {
  const mounted = await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]).then(
    () => true,
    () => false,
  )
  if (!mounted) return undefined
  const filling = join(folder, 'filling')
  const empty = () => rm(filling, { force: true })
  return {
    async fill(leaveBytes) {
      await using file = await open(filling, 'w')
      const zeros = Buffer.alloc(1024 * 1024)
      for (let left = await freeBytes(folder); left > leaveBytes; left -= zeros.length) {
        const part = zeros.subarray(0, Math.min(zeros.length, left - leaveBytes))
        const written = await file.write(part).catch(toFull)
        if (!written) return // somebody else took it first
      }
    },
    empty,
    [Symbol.dispose]: () => void spawnSync('umount', ['--lazy', folder]), // lazily: what is killed at this moment may still have files open
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

function toFull(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOSPC') throw error
}
