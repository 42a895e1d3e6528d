import type { SQLTagStore } from 'node:sqlite'
import type { DeadLetter, RetryBatch, StoredDeadLetter } from '../buffer.ts'
import { onlyShard } from './frames.ts'

interface LetterRow extends DeadLetter {
  readonly id: number
  readonly at_ms: number
  readonly retry_id: number | null
}

/** Dead letters of a sink behind an id, oldest first. */
export function listDeadLetters(
  sql: SQLTagStore,
  sink: string,
  { limit, after = 0 }: { limit: number; after?: number },
): StoredDeadLetter[] {
  const rows = sql.all`SELECT * FROM dead_letters WHERE sink = ${sink} AND id > ${after} ORDER BY id LIMIT ${limit}`
  return toLetters(rows, sink)
}

/** Deletes those of a sink that are in no retry batch; how many. */
export function dropDeadLetters(sql: SQLTagStore, sink: string, ids: readonly number[]): number {
  const { changes } = sql.run`
    DELETE FROM dead_letters
    WHERE sink = ${sink} AND retry_id IS NULL AND id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))
  `
  return Number(changes)
}

/** Makes one batch of those that can be delivered again and are in none; how many. */
export function retryDeadLetters(sql: SQLTagStore, sink: string, ids: readonly number[]): number {
  if (!sql.get`SELECT sink FROM readers WHERE sink = ${sink}`) return 0
  const { lastInsertRowid: batch } = sql.run`INSERT INTO retries (sink) VALUES (${sink})`
  const { changes } = sql.run`
    UPDATE dead_letters SET retry_id = ${batch}
    WHERE sink = ${sink} AND form = 'json' AND retry_id IS NULL AND id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))
  `
  if (changes === 0) sql.run`DELETE FROM retries WHERE id = ${batch}`
  return Number(changes)
}

/** A sink's batches, oldest first. */
export function findRetries(sql: SQLTagStore, sink: string, limit = -1): RetryBatch[] {
  const batches = sql.all`SELECT id FROM retries WHERE sink = ${sink} ORDER BY id LIMIT ${limit}` as unknown as {
    id: number
  }[] // the column is named in the statement
  return batches.map(({ id }) => ({
    id,
    letters: toLetters(sql.all`SELECT * FROM dead_letters WHERE retry_id = ${id} ORDER BY id`, sink),
  }))
}

function toLetters(rows: unknown, sink: string): StoredDeadLetter[] {
  return (rows as LetterRow[]) // as the schema has it
    .map(({ id, at_ms: atMs, form, reason, bytes, retry_id }) => {
      return { id, sink, shard: onlyShard, atMs, form, reason, bytes, isRetried: retry_id !== null }
    })
}
