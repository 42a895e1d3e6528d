import { compareClocks } from '../../runtime/clock.ts'
import { answerWithinMs, type Finding, failure, fault, fine, warning } from '../../runtime/finding.ts'
import { type Connection, openConnection } from './connection.ts'
import { definitionsOf, newestVersion, tableSettings, versionOf } from './migrate.ts'
import type { ClickHouseOptions } from './options.ts'
import { tables } from './tables.ts'

/** Examines the server, its tables, what they forget, and what this user may do. */
export async function diagnoseClickHouse(options: ClickHouseOptions, signal: AbortSignal): Promise<readonly Finding[]> {
  await using connection = await openConnection({ ...options, timeoutMs: Math.min(options.timeoutMs, answerWithinMs) })
  try {
    const version = (await connection.run('SELECT version() FORMAT TSV', signal)).trim()
    const clock = await compareClocks('ClickHouse', async () =>
      Number(await connection.run('SELECT toUnixTimestamp64Milli(now64(3)) FORMAT TSV', signal)),
    )
    const rights = await examineRights(connection, options, signal)
    const found = await examineTables(connection, options, signal)
    return [fine('server', `ClickHouse ${version} answers.`), clock, ...rights, ...found]
  } catch (error) {
    signal.throwIfAborted()
    const advice = `Start the server at ${options.url}, or mend what it says; meanwhile the records wait in the log.`
    return [failure('server', error, advice)]
  }
}

async function examineRights(
  connection: Connection,
  { database, username, migrate }: ClickHouseOptions,
  signal: AbortSignal,
): Promise<Finding[]> {
  const rights = `SELECT, INSERT${migrate ? ', CREATE TABLE, CREATE VIEW, ALTER TABLE' : ''}`
  const readonly = await connection.run("SELECT getSetting('readonly') FORMAT TSV", signal)
  if (readonly.trim() !== '0')
    return [fault('rights', `The user ${username} is read-only.`, 'Give it a profile with readonly = 0.')]
  const answer = await connection
    .run(`CHECK GRANT ${rights} ON \`${database}\`.*`, signal)
    .catch((error: unknown) => unlessUnknown(error))
  if (answer === undefined) return [] // before 24.11 nobody can be asked
  if (answer.trim() === '1') return [fine('rights', `The user ${username} may do what the sink needs.`)]
  return [
    fault(
      'rights',
      `The user ${username} lacks some of ${rights} on ${database}.`,
      `Run GRANT ${rights} ON ${database}.* TO ${username}${migrate ? ', or set migrate to false.' : '.'}`,
    ),
  ]
}

/** A statement that an older server does not know. */
function unlessUnknown(error: unknown): undefined {
  if (!(error instanceof Error && error.message.includes('SYNTAX_ERROR'))) throw error
}

async function examineTables(
  connection: Connection,
  options: ClickHouseOptions,
  signal: AbortSignal,
): Promise<Finding[]> {
  const definitions = await definitionsOf(connection, signal)
  const names = tables(options)
  const needed = newestVersion(options)
  const reached = definitions.has(names.migrations) ? await versionOf(connection, options, signal) : 0
  if (reached < needed)
    return [
      options.migrate
        ? fine('tables', `They are at version ${reached}: the first write brings them to ${needed}.`)
        : fault(
            'tables',
            `They are at version ${reached}, and ${needed} is needed.`,
            'Run the migrations of docs/guides/clickhouse.md, or set migrate to true.',
          ),
    ]
  return [
    fine('tables', `They are at version ${reached}.`),
    ...examineSettings(definitions, options),
    ...(await examineInserts(connection, options, signal)),
  ]
}

type Definitions = ReadonlyMap<string, readonly string[]>

/** A table that forgets its inserts stores a block twice that is sent twice. */
function examineSettings(definitions: Definitions, options: ClickHouseOptions): Finding[] {
  const findings: Finding[] = []
  for (const { table, marks, statement } of tableSettings(options)) {
    const parts = definitions.get(table)
    if (!parts) {
      findings.push(fault('tables', `${table} is gone.`, 'Restore it; the sink halts until it is there.'))
      continue
    }
    if (marks.every((mark) => parts.includes(mark))) continue
    const advice = options.migrate ? `Restart the pump, which runs ${statement}.` : `Run ${statement}.`
    findings.push(
      marks.length === 1
        ? warning('retention', `${table} does not forget as the config says.`, advice)
        : examineWindow(table, parts, options, advice),
    )
  }
  if (!findings.some(({ what }) => what === 'dedupe window'))
    findings.push(fine('dedupe window', `Each table remembers ${options.dedupe.inserts.toLocaleString('en')} inserts.`))
  if (!findings.some(({ what }) => what === 'retention'))
    findings.push(fine('retention', `Records are kept ${options.retentionDays} days.`))
  return findings
}

function examineWindow(
  table: string,
  parts: readonly string[],
  { dedupe }: ClickHouseOptions,
  advice: string,
): Finding {
  const kind = /^(Replicated|Shared)/.test(parts[0] ?? '') ? 'replicated' : 'non_replicated'
  const name = `${kind}_deduplication_window`
  const mark = parts.find((part) => part.startsWith(`${name} = `))
  const inserts = Number(mark?.split(' = ')[1] ?? 0)
  if (mark === undefined && kind === 'replicated')
    return warning('dedupe window', `${table} remembers as many inserts as the server’s default says.`, advice)
  if (inserts === 0)
    return fault('dedupe window', `${table} remembers no insert: a block that is sent twice is stored twice.`, advice)
  return warning(
    'dedupe window',
    `${table} remembers ${inserts.toLocaleString('en')} inserts, not ${dedupe.inserts.toLocaleString('en')}, or for another time.`,
    advice,
  )
}

/** 2: the half of what is remembered is what a repeat may rest on. */
const safety = 2

/** Compares what the window holds with the inserts that really come. Ends early on a table where counting takes long. */
async function examineInserts(
  connection: Connection,
  options: ClickHouseOptions,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { inserts, seconds } = options.dedupe
  const sql = `SELECT uniqExact(block) FROM ${tables(options).requests} WHERE received_at > now() - ${seconds}
    SETTINGS max_execution_time = 1, timeout_overflow_mode = 'break' FORMAT TSV`
  const seen = Number(await connection.run(sql, signal))
  if (seen * safety <= inserts) return []
  return [
    warning(
      'dedupe window',
      `${seen.toLocaleString('en')} inserts came in the last ${seconds} s, and ${inserts.toLocaleString('en')} are remembered.`,
      `Set dedupe.inserts to at least ${seen * safety}, or make blocks larger.`,
    ),
  ]
}
