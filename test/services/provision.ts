import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'penstock')

/** What a server needs that only its Debian package brings. */
export interface DebianPackage {
  name: string
  /** The programs that must be there afterwards. */
  files: readonly string[]
}

/** Installs the package when a file of it is missing and we are root; otherwise says what to install. */
export async function installed({ name, files }: DebianPackage): Promise<void> {
  const isThere = () => files.every((file) => existsSync(file))
  if (isThere()) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`${files.join(' and ')} missing. Install it with: sudo apt-get install ${name}`)
  }
  await locked('apt', async () => {
    if (isThere()) return
    say(`Installing ${name} with apt.`)
    const install = () =>
      command('apt-get', ['install', '-y', '--no-install-recommends', name], { env: aptEnvironment })
    await install().catch(async () => {
      await command('apt-get', ['update'], { env: aptEnvironment })
      await install()
    })
  })
}

const aptEnvironment = {
  DEBIAN_FRONTEND: 'noninteractive',
  RUNLEVEL: '1', // the package's own service is not started: we start our own
}

/** What is built or downloaded once and kept for later runs. */
export interface Artifact {
  service: string
  version: string
  /** Files whose content decides what is made. */
  recipe: readonly string[]
  /** Fills the folder. The result must work from another path, since the folder is renamed when complete. */
  make(folder: string): Promise<void>
}

/** The folder with the artifact; made first if it is not there. Safe to call from several processes at once. */
export async function cached({ service, version, recipe, make }: Artifact): Promise<string> {
  const folder = join(cacheFolder, `${service}-${version}-${await hashOf(recipe)}`)
  if (existsSync(folder)) return folder
  await locked(service, async () => {
    if (existsSync(folder)) return
    say(`Preparing ${service} ${version} for tests; kept for later runs.`)
    await removeDrafts(service)
    const draft = await mkdtemp(join(cacheFolder, `.${service}-draft-`))
    try {
      await make(draft)
      await rename(draft, folder)
    } finally {
      await rm(draft, { recursive: true, force: true })
    }
  })
  return folder
}

/** Those that a killed process left; nobody else makes one now, since we hold the lock. */
async function removeDrafts(service: string): Promise<void> {
  const names = await readdir(cacheFolder)
  const drafts = names.filter((name) => name.startsWith(`.${service}-draft-`))
  for (const draft of drafts) await rm(join(cacheFolder, draft), { recursive: true, force: true })
}

async function hashOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`)
  for (const file of files) hash.update(`\0${basename(file)}\0`).update(await readFile(file))
  return hash.digest('hex').slice(0, 12)
}

/** Runs a program to its end; what it printed is shown only when it fails. */
export async function command(
  file: string,
  args: readonly string[],
  { cwd, env }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  try {
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 << 20, ...(cwd ? { cwd } : {}) }
    return (await execute(file, args, options)).stdout
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string } // execFile adds both to its errors
    const output = stdout + stderr || String(cause)
    throw new Error(`"${[file, ...args].join(' ')}" failed:\n${output.slice(0, 2000)}`)
  }
}

/** One process at a time. SQLite's file lock, since the system frees it when its holder dies. */
async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheFolder, { recursive: true })
  using lock = new DatabaseSync(join(cacheFolder, `.${name}.lock`), { timeout: 0 })
  while (!isTaken(lock)) await wait(100)
  return await work()
}

function isTaken(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === 5) return false // SQLITE_BUSY: another process has it
    throw error
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
