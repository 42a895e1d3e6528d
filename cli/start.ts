import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Config, checkRoles, loadConfig, type Role, roles } from '../config/config.ts'
import { ConfigError } from '../runtime/check.ts'
import { type Log, openLog } from '../runtime/log.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { openTelemetry } from '../runtime/telemetry.ts'
import { type Command, exitCodes, type Terminal, textOf, UsageError } from './command.ts'
import { defaultConfigFile } from './files.ts'
import { openConsoleRole } from './roles/console.ts'
import { openGatewayRole } from './roles/gateway.ts'
import { openPumpRole, openSinks } from './roles/pump.ts'
import { type Addresses, supervise } from './supervise.ts'

/** How long a child may take to stop beyond what its blocks on their way are given. */
const childGraceMs = 10_000
/** 1 s: what has not ended by then, when all is closed, never will. */
const leftBehindMs = 1000

export interface RunOptions {
  readonly config: Config
  /** The file that `config` came from: children and reloads read it again. */
  readonly file: string
  readonly roles: readonly Role[]
  readonly log: Log
  readonly terminal: Pick<Terminal, 'env' | 'interrupted'>
}

export interface OpenedRoles {
  readonly addresses: Addresses
  /** Rejects when a role cannot go on. */
  readonly failed: Promise<never>
  /** Takes over what can change while requests run: the gateway's part. Absent where no gateway runs here. */
  readonly reload?: (next: Config) => Promise<void> | void
  /** A changed configuration could not be read. */
  readonly reloadFailed?: () => void
}

/** Starts the roles: the gateway in this process, and beside it pump and console in a child, so that neither touches a request. `opened` stops them. */
export async function openRoles(options: RunOptions, opened: AsyncDisposableStack): Promise<OpenedRoles> {
  const { config, file, log } = options
  const others = options.roles.filter((role) => role !== 'gateway')
  if (!options.roles.includes('gateway')) return await openOthers(options, opened)
  let addresses: Addresses = {}
  if (others.length > 0) {
    const child = await supervise({
      args: ['start', '--config', file, '--roles', others.join(',')],
      log,
      graceMs: config.pump.graceMs + childGraceMs,
      interrupted: options.terminal.interrupted,
    })
    opened.use(child)
    addresses = child.addresses
  }
  const { urls, adminUrl, reload, reloadFailed } = await openGatewayRole(config, log, opened)
  return {
    addresses: { ...addresses, gateway: urls, gatewayAdmin: adminUrl },
    failed: new Promise<never>(() => {}),
    reload,
    reloadFailed,
  }
}

async function openOthers(
  { config, roles: wanted, log }: RunOptions,
  opened: AsyncDisposableStack,
): Promise<OpenedRoles> {
  const sinks = wanted.includes('pump') ? await openSinks(config, log, opened) : []
  const pump = wanted.includes('pump') ? await openPumpRole(config, sinks, log, opened) : undefined
  const page = wanted.includes('console') ? await openConsoleRole(config, sinks, log, opened) : undefined
  return {
    addresses: { ...(pump ? { pumpAdmin: pump.url } : {}), ...(page ? { console: page.url } : {}) },
    failed: pump?.failed ?? new Promise<never>(() => {}),
  }
}

/** Reads the configuration again at SIGHUP; a broken one changes nothing. */
function reloadOnHangup(
  { file, log, terminal }: RunOptions,
  { reload, reloadFailed }: OpenedRoles,
  opened: AsyncDisposableStack,
): void {
  const loaded = () => {
    try {
      return loadConfig(file, { env: terminal.env })
    } catch (error) {
      reloadFailed?.()
      throw error
    }
  }
  const onHangup = async () => {
    if (!reload)
      return log('info', 'Only a gateway takes a changed configuration while it runs; restart the other roles.')
    try {
      await reload(loaded())
    } catch (error) {
      log('error', 'The changed configuration was not taken; the last one holds.', { error })
    }
  }
  process.on('SIGHUP', onHangup)
  opened.defer(() => void process.off('SIGHUP', onHangup))
}

/** Resolves when a person, the system or the parent process wants this one to end. */
export async function interrupted(signal: AbortSignal): Promise<void> {
  if (signal.aborted || process.connected === false) return
  const ends = [once(signal, 'abort')]
  if (process.connected) ends.push(once(process, 'disconnect')) // the parent is gone, however it died
  await Promise.race(ends)
}

export const startCommand: Command = {
  summary: 'Runs the gateway, the pump and the console',
  usage: '[--config FILE] [--roles gateway,pump,console]',
  options: {
    config: { type: 'string', value: 'FILE', doc: 'Configuration file', default: defaultConfigFile, short: 'c' },
    roles: { type: 'string', value: 'LIST', doc: 'What this process does; default as the configuration says' },
  },
  examples: ['penstock start --config penstock.yaml', 'penstock start --roles gateway'],
  async run(values, _positionals, terminal) {
    const file = textOf(values, 'config') ?? defaultConfigFile
    if (!existsSync(file)) {
      throw new ConfigError(
        `There is no ${file}. Copy penstock.example.yaml to it and name your upstreams, or see a running example: penstock demo.`,
      )
    }
    const config = loadConfig(file, { env: terminal.env })
    const wanted = toRoles(textOf(values, 'roles')) ?? config.roles
    checkRoles(config, wanted)
    const log = openLog({ level: config.log.level, bindings: { roles: wanted.join(',') } })
    await using opened = new AsyncDisposableStack()
    opened.defer(() => {
      if (process.connected) process.disconnect?.() // an open channel to the parent would keep this process alive
    })
    opened.use(await openTelemetry({ serviceName: 'penstock', log }))
    const options = { config, file, roles: wanted, log, terminal }
    const running = await openRoles(options, opened)
    const { addresses, failed } = running
    reloadOnHangup(options, running, opened)
    log('info', 'Penstock is at work.', { ...addresses })
    process.send?.(addresses, () => {}) // a parent that is gone is seen next
    await Promise.race([interrupted(terminal.interrupted), failed])
    log('info', 'Penstock stops.', {})
    await opened.disposeAsync()
    setTimeout(() => process.exit(), leftBehindMs).unref() // a sink that was left behind may hold the process by its connections
    return exitCodes.ok
  },
}

function toRoles(text: string | undefined): readonly Role[] | undefined {
  if (text === undefined) return undefined
  return text.split(',').map((word) => {
    const role = roles.find((one) => one === word.trim())
    if (!role)
      throw new UsageError(
        `There is no role "${word.trim()}".${didYouMean(word, roles)} Roles are ${roles.join(', ')}.`,
      )
    return role
  })
}
