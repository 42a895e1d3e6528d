import { MongoClient, ReadPreference } from 'mongodb'
import { ConfigError } from '../../runtime/check.ts'
import type { MongoOptions } from './options.ts'

/** Prepares connections to the server; none is made before the first command. */
export function openClient({ url, connectTimeoutMs, timeoutMs }: MongoOptions): MongoClient {
  try {
    return new MongoClient(url, {
      appName: 'penstock',
      serverSelectionTimeoutMS: connectTimeoutMs,
      connectTimeoutMS: connectTimeoutMs,
      socketTimeoutMS: timeoutMs,
      writeConcern: { w: 'majority', journal: true }, // a write that is acknowledged survives a crash and an election
      readPreference: ReadPreference.primary, // what is looked up decides what is written
    })
  } catch (error) {
    // Without the cause: its message may hold parts of the url.
    throw new ConfigError(`The url of MongoDB cannot be used: ${reasonOf(error, url)}`)
  }
}

function reasonOf(error: unknown, url: string): string {
  const reason = error instanceof Error ? error.message : String(error)
  const credentials = /\/\/(.*)@/.exec(url)?.[1] ?? ''
  const parts = [url, credentials, ...credentials.split(':')].filter((part) => part !== '')
  return parts.some((part) => reason.includes(part)) ? 'it cannot be read.' : reason
}
