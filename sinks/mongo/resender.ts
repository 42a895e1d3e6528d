import { orAborted } from '../../runtime/wait.ts'
import type { Resender } from '../resender.ts'
import { openClient } from './connection.ts'
import { toSinkError } from './failure.ts'
import type { MongoOptions } from './options.ts'
import { checkCapped, insertRaw, rawCollection } from './raw.ts'

/**
 * Stores records in the raw collection alone: their identity keeps those that are there from being stored twice. Usage has counted
 * them already. A record gets the place that its first block had or one before it, so that the sink still knows it as counted.
 */
export function openResender(options: MongoOptions): Resender {
  const client = openClient(options)
  const db = client.db()
  const raw = rawCollection(db, options)
  return {
    async resend(block, signal) {
      signal.throwIfAborted()
      try {
        await client.connect()
        await checkCapped(db, options, signal)
        const pace = { chunk: options.chunkRecords, signal }
        const { present, refused } = await orAborted(insertRaw(raw, block, pace), signal) // the driver's writes cannot be aborted
        const stored = block.records.length - present.length - refused.size
        return { stored, present: present.length, refused: [...refused.values()] }
      } catch (error) {
        signal.throwIfAborted()
        throw toSinkError(error)
      }
    },
    async [Symbol.asyncDispose]() {
      await client.close(true)
    },
  }
}
