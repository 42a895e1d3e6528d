import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { HaltError } from '../sink.ts'

/** Another process holds the store. */
export class StoreHeldError extends HaltError {}

/** Holds the store in `dir` for this process alone, until disposed or dead. Throws StoreHeldError where another one does. */
export function holdStore(dir: string): Disposable {
  // An empty database: its lock is the one that every system gives up by itself when a process dies.
  const lock = new DatabaseSync(join(dir, 'holder.lock'))
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    throw new StoreHeldError(`The store ${dir} is open in another process: stop it, or name another folder.`, { cause })
  }
  return {
    [Symbol.dispose]() {
      if (lock.isOpen) lock.close()
    },
  }
}
