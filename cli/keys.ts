import type { Config } from '../config/config.ts'
import { type KeyEntry, KeyError } from '../keys/keys.ts'
import { openSqliteKeys } from '../keys/sqlite/store.ts'
import { didYouMean } from '../runtime/suggest.ts'
import { moment, span } from '../usage/query.ts'
import { type Command, exitCodes, type OptionValues, type Terminal, textOf, UsageError, ValueError } from './command.ts'
import { configOf, configOption, keysFile } from './files.ts'
import { toTable } from './table.ts'

export const keysCommand: Command = {
  summary: 'Creates, lists and revokes API keys',
  usage: 'create --consumer NAME | list | revoke ID',
  operands: 2,
  options: {
    config: configOption,
    consumer: { type: 'string', value: 'NAME', doc: 'Owner of the key; the consumer must be in the configuration' },
    label: { type: 'string', value: 'TEXT', doc: 'What the key is for' },
    expires: { type: 'string', value: 'TIME', doc: 'When it stops working, such as 2027-01-31 or 90d' },
  },
  examples: [
    'penstock keys create --consumer acme --expires 90d',
    'penstock keys list --consumer acme',
    'penstock keys revoke 7d2k9q4m1x',
  ],
  async run(values, [verb, id], terminal) {
    const config = configOf(values, terminal)
    await using store = openSqliteKeys({ file: keysFile(config.dataDir) })
    try {
      if (verb === 'create') return await create(store, config, values, terminal)
      if (verb === 'list') return await list(store, values, terminal)
      if (verb === 'revoke') return await revoke(store, id, terminal)
    } catch (error) {
      if (error instanceof KeyError) throw new UsageError(error.message, { cause: error })
      throw error
    }
    throw new UsageError(`penstock keys takes create, list or revoke${verb ? `, not "${verb}"` : ''}.`)
  },
}

type Store = ReturnType<typeof openSqliteKeys>

async function create(store: Store, config: Config, values: OptionValues, { out, isTty }: Terminal): Promise<number> {
  const consumer = textOf(values, 'consumer')
  if (consumer === undefined) throw new UsageError('Say whose key it is: --consumer NAME')
  const known = Object.keys(config.gateway.consumers)
  if (!known.includes(consumer)) {
    throw new UsageError(`There is no consumer "${consumer}" in the configuration.${didYouMean(consumer, known)}`)
  }
  const expires = textOf(values, 'expires')
  const label = textOf(values, 'label')
  const { key, entry } = await store.create({
    consumer,
    ...(label === undefined ? {} : { label }),
    ...(expires === undefined ? {} : { expiresAtMs: toTime(expires) }),
  })
  if (isTty) out(`Key ${entry.id} of ${consumer}, shown this once:\n\n  ${key}\n\n`)
  else out(`${JSON.stringify({ key, ...entry })}\n`)
  return exitCodes.ok
}

async function list(store: Store, values: OptionValues, { out, isTty }: Terminal): Promise<number> {
  const consumer = textOf(values, 'consumer')
  const entries = await store.list(consumer === undefined ? {} : { consumer })
  if (!isTty) {
    for (const entry of entries) out(`${JSON.stringify(entry)}\n`)
    return exitCodes.ok
  }
  if (entries.length === 0) {
    out('No keys.\n')
    return exitCodes.ok
  }
  const columns = ['id', 'consumer', 'key', 'label', 'created', 'expires', 'last used', 'state'].map((title) => ({
    title,
  }))
  out(
    toTable(
      columns,
      entries.map((entry) => [
        entry.id,
        entry.consumer,
        entry.shown,
        entry.label,
        toDay(entry.createdAtMs),
        toDay(entry.expiresAtMs),
        toDay(entry.lastUsedAtMs),
        stateOf(entry),
      ]),
    ),
  )
  return exitCodes.ok
}

async function revoke(store: Store, id: string | undefined, { out }: Terminal): Promise<number> {
  if (id === undefined) throw new UsageError('Say which key: penstock keys revoke ID')
  const entry = await store.revoke(id)
  out(`Key ${entry.id} of ${entry.consumer} is revoked; gateways refuse it within a second.\n`)
  return exitCodes.ok
}

function stateOf({ revokedAtMs, expiresAtMs }: KeyEntry): string {
  if (revokedAtMs !== undefined) return 'revoked'
  return expiresAtMs !== undefined && expiresAtMs <= Date.now() ? 'expired' : 'live'
}

function toDay(ms: number | undefined): string {
  return ms === undefined ? '–' : new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}

/** `90d`, `12h` from now, or a date, as Unix milliseconds. */
function toTime(text: string): number {
  const ahead = span.safeParse(text)
  if (ahead.success) return Date.now() + ahead.data
  const at = moment.safeParse(text)
  if (at.success) return at.data
  throw new ValueError(`--expires takes a date such as 2027-01-31, or a span such as 90d, not "${text}".`)
}
