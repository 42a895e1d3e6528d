import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { openSqliteKeys } from '../keys/sqlite/store.ts'
import { openLog } from '../runtime/log.ts'
import { type Command, exitCodes, textOf, UsageError } from './command.ts'
import { toDemoConfig } from './demo/config.ts'
import { callers, callSteadily } from './demo/traffic.ts'
import { openDemoUpstream } from './demo/upstream.ts'
import { keysFile } from './files.ts'
import { interrupted, openRoles } from './start.ts'

export const demoCommand: Command = {
  summary: 'Runs everything on this machine with demo APIs, teams and traffic',
  usage: '[--data DIR] [--port N]',
  options: {
    data: { type: 'string', value: 'DIR', doc: 'Folder of the demo’s data', default: './data/demo' },
    port: {
      type: 'string',
      value: 'N',
      doc: 'Port of the gateway; the next three serve admin, pump and console',
      default: '8080',
    },
  },
  async run(values, _positionals, terminal) {
    const port = toPort(textOf(values, 'port') ?? '')
    const dataDir = textOf(values, 'data') ?? ''
    const log = openLog({ level: 'warn', bindings: { roles: 'gateway' } })
    await using opened = new AsyncDisposableStack()
    const upstream = opened.use(await openDemoUpstream())
    const file = join(dataDir, 'penstock.yaml')
    try {
      mkdirSync(dataDir, { recursive: true })
      writeFileSync(file, toDemoConfig({ dataDir, upstream: upstream.url, port }))
    } catch (error) {
      throw new UsageError(
        `--data: ${error instanceof Error ? error.message : error}. Name a folder that can be written to.`,
        { cause: error },
      )
    }
    const config = loadConfig(file, { env: terminal.env })
    const keys = await freshKeys(keysFile(dataDir))
    const { addresses, failed } = await openRoles({ config, file, roles: config.roles, log, terminal }, opened)
    const { gateway = [], gatewayAdmin, pumpAdmin, console } = addresses
    const [gatewayUrl = ''] = gateway
    const traffic = new AbortController()
    const calling = callSteadily(gatewayUrl, keys, traffic.signal)
    opened.defer(async () => {
      traffic.abort()
      await calling
    })
    terminal.out(`
Penstock is running, with demo traffic. Payments fail for one minute in four.

  Usage page   ${console}
  Try a call   curl -H 'x-api-key: ${keys.get('web-shop')}' ${gatewayUrl}/orders/42
  Usage        npm run penstock -- usage --by endpoint,consumer --last 1h --url ${console}
  Metrics      ${pumpAdmin}/metrics (records)  ${gatewayAdmin}/metrics (gateway)
  Its config   ${file}

Ctrl-C stops it.
`)
    await Promise.race([interrupted(terminal.interrupted), failed])
    return exitCodes.ok
  },
}

/** A key for each demo consumer; those of earlier starts are revoked, because nobody has them any more. */
async function freshKeys(file: string): Promise<ReadonlyMap<string, string>> {
  await using store = openSqliteKeys({ file })
  for (const { id, revokedAtMs } of await store.list()) {
    if (revokedAtMs === undefined) await store.revoke(id)
  }
  const created = await store.createAll(callers.map(({ consumer }) => ({ consumer, label: 'demo' })))
  return new Map(created.map(({ key, entry }) => [entry.consumer, key]))
}

function toPort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_532)
    throw new UsageError(`--port takes a number from 1 to 65532, not "${text}".`)
  return port
}
