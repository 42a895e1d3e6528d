import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Finding, fault, fine, warning } from './finding.ts'
import { bytesText } from './quantity.ts'

/** What statfs tells of the file system under a path. */
export interface FileSystem {
  readonly type: number
  readonly bsize: number
  readonly bavail: number
}

export interface FolderNeeds {
  /** Names of files in it that must be writable where they are there. */
  readonly files?: readonly string[]
  /** What may come to lie in it beside what does now, bytes. */
  readonly growthBytes: number
  /** Free bytes below which nothing can be written at all. */
  readonly reserveBytes?: number
  /** The option that says how much may come to lie in it. */
  readonly limit?: string
  /** Whether what lies in it must survive a power cut and be locked by one process against others. */
  readonly holds: 'database' | 'files'
  readonly statfs?: (path: string) => Promise<FileSystem>
}

/** Says whether this user can write to a folder, whether the disk has room, and what its file system promises. Writes nothing. */
export async function examineFolder(folder: string, needs: FolderNeeds): Promise<readonly Finding[]> {
  const path = resolve(folder)
  const found = await nearest(path)
  const rights = await examineRights(path, found, needs.files ?? [])
  const { type, bsize, bavail } = await (needs.statfs ?? statfs)(found)
  return [...rights, examineRoom(path, bavail * bsize, needs), ...examineType(path, type, needs)]
}

/** The folder, or the one above it that is there. */
async function nearest(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false, // not there, or not to be looked at: then neither can it be written to
  )
  return isThere || dirname(path) === path ? path : await nearest(dirname(path))
}

async function examineRights(path: string, found: string, files: readonly string[]): Promise<Finding[]> {
  const { isDirectory, mode } = await stat(found).then((one) => ({ isDirectory: one.isDirectory(), mode: one.mode }))
  if (!isDirectory) return [fault('folder', `${found} is a file.`, 'Move it away, or name another folder.')]
  const refusal = await refused(found, constants.W_OK | constants.X_OK)
  if (refusal !== undefined) return [refuse(found, refusal)]
  if (found !== path) return [fine('folder', `${path} will be made.`)]
  const faults: Finding[] = []
  for (const file of files) {
    const reason = await refused(join(path, file), constants.R_OK | constants.W_OK)
    if (reason !== undefined && reason !== 'ENOENT') faults.push(refuse(join(path, file), reason))
  }
  if (mode & anybodyWrites && !(mode & sticky))
    faults.push(
      warning('folder', `Every user of this machine may change what is in ${path}.`, `Run chmod o-w ${path}.`),
    )
  return faults.length > 0 ? faults : [fine('folder', `${path} can be written to.`)]
}

const anybodyWrites = 0o002
const sticky = 0o1000

/** Code of the error that keeps this user from a path; undefined where nothing does. */
async function refused(path: string, mode: number): Promise<string | undefined> {
  try {
    await access(path, mode)
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

function refuse(path: string, code: string): Finding {
  if (code === 'EROFS')
    return fault('folder', `${path} lies on a file system that is read-only.`, 'Mount it writable, or name another.')
  return fault(
    'folder',
    `${path} cannot be written to by ${userInfo().username} (${code}).`,
    'Run this as the user that Penstock runs as; where that is so, give it the folder with chown.',
  )
}

function examineRoom(path: string, freeBytes: number, { growthBytes, reserveBytes = 0, limit }: FolderNeeds): Finding {
  const free = `${bytesText(freeBytes)} are free on the disk of ${path}`
  if (freeBytes < reserveBytes)
    return fault('disk', `Only ${free}: nothing more is taken.`, 'Make room; work goes on by itself.')
  if (freeBytes < growthBytes)
    return warning(
      'disk',
      `${free}, where ${bytesText(growthBytes)} more may be wanted.`,
      limit === undefined ? 'Make room.' : `Make room, or lower ${limit}.`,
    )
  return fine('disk', `${free}; at most ${bytesText(growthBytes)} more will be wanted.`)
}

/** Magic numbers of statfs, as Linux has them. */
const inMemory: Readonly<Record<number, string>> = { 16914836: 'tmpfs', 2240043254: 'ramfs' }
const overNetwork: Readonly<Record<number, string>> = { 26985: 'NFS', 4283649346: 'CIFS', 4266872130: 'SMB' }
const ofContainer: Readonly<Record<number, string>> = { 2035054128: 'overlay' }

function examineType(path: string, type: number, { holds }: FolderNeeds): Finding[] {
  const [memory, network, container] = [inMemory, overNetwork, ofContainer].map((types) => types[type >>> 0])
  if (memory)
    return [
      warning(
        'file system',
        `${path} lies in memory (${memory}): what it holds is gone when the machine restarts.`,
        'Put it on a disk.',
      ),
    ]
  if (network && holds === 'database')
    return [
      fault(
        'file system',
        `${path} lies on another machine (${network}), where SQLite’s locks and its log are not safe.`,
        'Put it on a disk of this machine.',
      ),
    ]
  if (container)
    return [
      warning(
        'file system',
        `${path} lies in a container’s own layer (${container}): it goes when the container is replaced.`,
        'Mount a volume there, unless this is no container.',
      ),
    ]
  return []
}
