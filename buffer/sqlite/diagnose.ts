import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { examineFolder } from '../../runtime/examine-folder.ts'
import { type Finding, fault, fine } from '../../runtime/finding.ts'
import type { BufferDiagnosis } from '../define.ts'
import { databaseFile, formatOf, isCorruption, unknownFormat, whatToDoWhenCorrupt } from './database.ts'
import { defaultReserveBytes } from './disk-room.ts'
import { migrations } from './schema.ts'

export interface Examined {
  /** Folder of the database. */
  readonly dir: string
  readonly maxBytes: number
  /** The option that `maxBytes` comes from. */
  readonly limit: string
}

/** Examines the folder of a log and the file in it, which may be open in other processes. */
export async function diagnoseSqlite({ dir, maxBytes, limit }: Examined): Promise<BufferDiagnosis> {
  const file = join(dir, databaseFile)
  const heldBytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  const folder = await examineFolder(dir, {
    files: ['', '-wal', '-shm'].map((ending) => databaseFile + ending),
    growthBytes: Math.max(0, maxBytes - heldBytes) + defaultReserveBytes,
    reserveBytes: defaultReserveBytes,
    limit,
    holds: 'database',
  })
  if (!existsSync(file)) return { findings: [...folder, fine('log', 'There is none yet.')], isOpenable: false }
  const canWrite = !folder.some(({ level, what }) => level === 'error' && what === 'folder')
  const { finding, isCurrent } = examineFile(file)
  return { findings: [...folder, finding], isOpenable: canWrite && isCurrent }
}

/** Reads nothing but the head: every frame is checked by `penstock buffer verify`. */
function examineFile(file: string): { readonly finding: Finding; readonly isCurrent: boolean } {
  try {
    using db = new DatabaseSync(file, { readOnly: true, timeout: 1000 })
    const format = formatOf(db)
    const isCurrent = format === migrations.length
    if (isCurrent) return { finding: fine('log', `${file} can be read.`), isCurrent }
    if (format < migrations.length)
      return { finding: fine('log', `${file} has format ${format}: the next start brings it up to date.`), isCurrent }
    const { found, advice } = unknownFormat(format, file)
    return { finding: fault('log', found, advice), isCurrent }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const advice = isCorruption(error) ? whatToDoWhenCorrupt : 'Run this as the user that Penstock runs as.'
    return { finding: fault('log', `${file} cannot be read: ${reason}.`, advice), isCurrent: false }
  }
}
