import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FrontOptions } from './chdb/front.ts'
import { cached, command } from './provision.ts'
import { openServer, type Server } from './server.ts'

export interface ClickHouseServer extends Server {
  /** `http://127.0.0.1:port`, with a password `http://user:password@127.0.0.1:port`; without a database. */
  readonly url: string
}

export interface ClickHouseOptions {
  /** Only with a password; `default` otherwise. */
  user?: string
  password?: string
  /** Defaults of the server for settings that a request does not name. */
  settings?: Record<string, string>
}

/** Explicit, since what the engine defaults to differs from version to version and from what servers are configured to. */
const serverSettings = {
  async_insert: '0',
  insert_deduplicate: '1',
  output_format_json_quote_64bit_integers: '1',
  implicit_select: '0', // these two are on in the embedded engine alone
  allow_introspection_functions: '0',
}

/** Starts the real ClickHouse engine behind an HTTP front of ours. */
export async function openClickHouse(options: ClickHouseOptions = {}): Promise<ClickHouseServer> {
  const installed = await installedChdb()
  const { user = 'default', password = '' } = options
  const settings = { ...serverSettings, ...options.settings }
  const server = await openServer({
    name: 'clickhouse',
    command({ port, folder }) {
      const front: FrontOptions = { installed, folder: join(folder, 'data'), port, user, password, settings }
      const file = join(import.meta.dirname, 'chdb/front.ts')
      return { file: process.execPath, args: [file, JSON.stringify(front)], env: { TZ: 'UTC', NODE_OPTIONS: '' } }
    },
    isReady: async ({ port }) => (await fetch(`http://127.0.0.1:${port}/ping`)).ok,
    readyWithinMs: 30_000, // 1 s when nothing else runs; it reads 500 MB of engine from the disk
  })
  const credentials = password ? `${encodeURIComponent(user)}:${encodeURIComponent(password)}@` : '' // `fetch` refuses them, even an empty password
  return { ...server, url: `http://${credentials}127.0.0.1:${server.port}` }
}

function installedChdb(): Promise<string> {
  const source = join(import.meta.dirname, 'chdb')
  const recipe = ['package.json', 'package-lock.json'].map((name) => join(source, name))
  const make = async (folder: string) => {
    for (const file of ['package.json', 'package-lock.json']) await copyFile(join(source, file), join(folder, file))
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']
    // Not `npm ci`: it insists on the optional packages of every platform, which a registry's mirror may lack. Versions and hashes come from the lock all the same.
    await command('npm', ['install', '--no-save', '--prefix', folder, ...quiet], { cwd: folder })
  }
  return cached({ service: 'chdb', version: '3.4.0', recipe, make })
}
