import type { Db } from 'mongodb'
import { compareClocks } from '../../runtime/clock.ts'
import { answerWithinMs, type Finding, failure, fault, fine, warning } from '../../runtime/finding.ts'
import { bytesText } from '../../runtime/quantity.ts'
import { openClient } from './connection.ts'
import { toSinkError } from './failure.ts'
import type { MongoOptions } from './options.ts'
import { faultOfRaw, rawCollection } from './raw.ts'
import { indexes, usageCollection } from './usage.ts'

/** Examines the server, both collections, and what this user may do. */
export async function diagnoseMongo(options: MongoOptions, signal: AbortSignal): Promise<readonly Finding[]> {
  const withinMs = (ms: number) => Math.min(ms, answerWithinMs)
  const { connectTimeoutMs, timeoutMs } = options
  await using client = openClient({
    ...options,
    connectTimeoutMs: withinMs(connectTimeoutMs),
    timeoutMs: withinMs(timeoutMs),
  })
  const db = client.db()
  try {
    await client.connect()
    const { version } = await db.command({ buildInfo: 1 }, { signal })
    const clock = await compareClocks('MongoDB', async () =>
      Number((await db.command({ hello: 1 }, { signal })).localTime),
    )
    const rights = await examineRights(db, signal)
    const [raw, usage] = await Promise.all([examineRaw(db, options, signal), examineUsage(db, options)])
    return [fine('server', `MongoDB ${version} answers.`), clock, ...rights, raw, usage]
  } catch (error) {
    signal.throwIfAborted()
    const advice = 'Start the server, or mend what it says, or correct url; meanwhile the records wait in the log.'
    return [failure('server', toSinkError(error), advice)]
  }
}

/** What the sink does to its collections; `listCollections` is of the database. */
const actions = ['listCollections', 'createCollection', 'find', 'insert', 'update', 'remove', 'createIndex']

interface Privilege {
  readonly resource: { readonly db?: string; readonly collection?: string; readonly anyResource?: boolean }
  readonly actions: readonly string[]
}

async function examineRights(db: Db, signal: AbortSignal): Promise<Finding[]> {
  const { authInfo } = await db.command({ connectionStatus: 1, showPrivileges: true }, { signal })
  const [user] = authInfo.authenticatedUsers as { user: string }[] // as MongoDB documents the answer
  if (!user) return [] // access control is off: everybody may do everything
  const privileges = (authInfo.authenticatedUserPrivileges ?? []) as Privilege[] // as above
  if (privileges.length === 0) return [] // not every server tells
  const granted = new Set(
    privileges
      .filter(({ resource }) => resource.anyResource || resource.db === '' || resource.db === db.databaseName)
      .flatMap((privilege) => privilege.actions),
  )
  const missing = actions.filter((action) => !granted.has(action) && !granted.has('anyAction'))
  if (missing.length === 0) return [fine('rights', `The user ${user.user} may do what the sink needs.`)]
  return [
    fault(
      'rights',
      `The user ${user.user} lacks ${missing.join(', ')} on ${db.databaseName}.`,
      `Run db.grantRolesToUser(${JSON.stringify(user.user)}, [{ role: "readWrite", db: ${JSON.stringify(db.databaseName)} }]).`,
    ),
  ]
}

async function examineRaw(db: Db, options: MongoOptions, signal: AbortSignal): Promise<Finding> {
  const { collection, sizeBytes } = options.raw
  const wrong = await faultOfRaw(db, options, signal)
  if (wrong === 'missing') return fine('records', `${collection} is not there yet: the first write makes it.`)
  if (wrong) return fault('records', wrong.found, wrong.advice)
  const raw = rawCollection(db, options)
  const count = await raw.estimatedDocumentCount()
  const [oldest] = await raw
    .find({}, { projection: { ts: 1 }, signal })
    .sort({ $natural: 1 })
    .limit(1)
    .toArray()
  const since = oldest ? `, the first of ${oldest.ts.toISOString()}` : ''
  return fine(
    'records',
    `${collection} is capped at ${bytesText(sizeBytes)} and holds ${count.toLocaleString('en')} records${since}.`,
  )
}

const namespaceNotFound = 26

async function examineUsage(db: Db, options: MongoOptions): Promise<Finding> {
  const { collection } = options.usage
  const found = await usageCollection(db, options)
    .indexes()
    .catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === namespaceNotFound) return undefined
      throw error
    })
  if (!found) return fine('usage', `${collection} is not there yet: the first write makes it.`)
  const has = (key: object) => found.some((index) => JSON.stringify(index.key) === JSON.stringify(key))
  const missing = indexes.filter((key) => !has(key))
  if (missing.length === 0) return fine('usage', `${collection} has its indexes.`)
  const commands = missing.map((key) => `db.${collection}.createIndex(${JSON.stringify(key)})`)
  return warning(
    'usage',
    `${collection} lacks indexes, so that questions and the retention read it whole.`,
    `The sink makes them within an hour of writing; or run ${commands.join('; ')}.`,
  )
}
