import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Config, loadConfig, type Role, roles } from '../config/config.ts'
import { ConfigError } from '../runtime/check.ts'
import { type Log, openLog } from '../runtime/log.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { type Command, exitCodes, type Terminal, textOf, UsageError } from './command.ts'
import { defaultConfigFile } from './files.ts'
import { openConsoleRole } from './roles/console.ts'
import { openGatewayRole } from './roles/gateway.ts'
import { openPumpRole, openSinks } from './roles/pump.ts'
import { type Addresses, supervise } from './supervise.ts'

/** How long a child may take to stop beyond what its blocks on their way are given. */
const childGraceMs = 5000

export interface RunOptions {
  readonly config: Config
  /** The file that `config` came from: children and reloads read it again. */
  readonly file: string
  readonly roles: readonly Role[]
  readonly log: Log
  readonly terminal: Pick<Terminal, 'env'>
}

/** Starts the roles: the gateway in this process, and beside it pump and console in a child, so that neither touches a request. `opened` stops them. */
export async function openRoles(
  options: RunOptions,
  opened: AsyncDisposableStack,
): Promise<Addresses & { failed: Promise<never> }> {
  const { config, file, log } = options
  const others = options.roles.filter((role) => role !== 'gateway')
  if (!options.roles.includes('gateway')) return await openOthers(options, opened)
  let addresses: Addresses = {}
  if (others.length > 0) {
    const child = await supervise({
      args: ['start', '--config', file, '--roles', others.join(',')],
      log,
      graceMs: config.pump.graceMs + childGraceMs,
    })
    opened.use(child)
    addresses = child.addresses
  }
  const gateway = await openGatewayRole(config, log, opened)
  reloadOnHangup(options, gateway.reload, opened)
  return { ...addresses, gateway: gateway.urls, gatewayAdmin: gateway.adminUrl, failed: new Promise<never>(() => {}) }
}

async function openOthers({ config, roles: wanted, log }: RunOptions, opened: AsyncDisposableStack) {
  const sinks = wanted.includes('pump') ? await openSinks(config, log, opened) : []
  const pump = wanted.includes('pump') ? await openPumpRole(config, sinks, log, opened) : undefined
  const page = wanted.includes('console') ? await openConsoleRole(config, sinks, log, opened) : undefined
  return {
    ...(pump ? { pumpAdmin: pump.url } : {}),
    ...(page ? { console: page.url } : {}),
    failed: pump?.failed ?? new Promise<never>(() => {}),
  }
}

function reloadOnHangup(
  { file, log, terminal }: RunOptions,
  reload: (next: Config) => Promise<void> | void,
  opened: AsyncDisposableStack,
): void {
  const onHangup = async () => {
    try {
      await reload(loadConfig(file, { env: terminal.env }))
    } catch (error) {
      log('error', 'The changed configuration was not taken; the last one holds.', { error })
    }
  }
  process.on('SIGHUP', onHangup)
  opened.defer(() => void process.off('SIGHUP', onHangup))
}

/** Resolves when a person, the system or the parent process wants this one to end. */
export async function interrupted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const ends = [once(signal, 'abort')]
  if (process.send) ends.push(once(process, 'disconnect')) // the parent is gone, however it died
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
    const log = openLog({ level: config.log.level, bindings: { roles: wanted.join(',') } })
    await using opened = new AsyncDisposableStack()
    opened.defer(() => process.disconnect?.()) // an open channel to the parent would keep this process alive
    const { failed, ...addresses } = await openRoles({ config, file, roles: wanted, log, terminal }, opened)
    log('info', 'Penstock is at work.', { ...addresses })
    process.send?.(addresses)
    await Promise.race([interrupted(terminal.interrupted), failed])
    log('info', 'Penstock stops.', {})
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
