import type { SQLTagStore } from 'node:sqlite'
import {
  comparePositions,
  type Position,
  type RetryBatch,
  type RetrySettlement,
  type Seal,
  type Settlement,
} from '../buffer.ts'
import { addMinutes } from './minutes.ts'
import { findSeals } from './seals.ts'

/** Moves the cursor over the oldest seal, with all that comes of it. A repeat changes nothing. */
export function settleSeal(
  sql: SQLTagStore,
  sink: string,
  cursor: Position,
  seal: Seal,
  { delivered, filtered, deadLetters, minutes, state }: Settlement,
  nowMs: number,
): void {
  const seals = findSeals(sql, sink)
  if (!seals.some(({ id }) => id === seal.id) && comparePositions(cursor, seal.to) >= 0) return
  const oldest = seals[0]
  if (oldest?.id !== seal.id || comparePositions(oldest.from, cursor) !== 0)
    throw new Error(`Block ${seal.id} of ${sink} is not the oldest sealed one, so it cannot be settled yet.`)
  sql.run`DELETE FROM seals WHERE id = ${seal.id}`
  for (const { form, reason, bytes } of deadLetters)
    sql.run`INSERT INTO dead_letters (sink, at_ms, form, reason, bytes) VALUES (${sink}, ${nowMs}, ${form}, ${reason}, ${bytes})`
  addMinutes(sql, sink, minutes)
  saveState(sql, sink, state)
  const { offset, index } = oldest.to
  sql.run`UPDATE readers SET cursor_offset = ${offset}, cursor_index = ${index}, delivered = delivered + ${delivered}, filtered = filtered + ${filtered}, dead_lettered = dead_lettered + ${deadLetters.length} WHERE sink = ${sink}`
}

/** Lets go of a retry batch's letters that were delivered, and gives the others their new reason. A repeat changes nothing. */
export function settleRetry(
  sql: SQLTagStore,
  sink: string,
  { id }: RetryBatch,
  { rejected, minutes, state }: RetrySettlement,
): void {
  if (!sql.get`SELECT id FROM retries WHERE id = ${id} AND sink = ${sink}`) return
  for (const [letter, reason] of rejected)
    sql.run`UPDATE dead_letters SET reason = ${reason}, retry_id = NULL WHERE id = ${letter} AND retry_id = ${id}`
  const { changes: delivered } = sql.run`DELETE FROM dead_letters WHERE retry_id = ${id}`
  sql.run`DELETE FROM retries WHERE id = ${id}`
  addMinutes(sql, sink, minutes)
  saveState(sql, sink, state)
  sql.run`UPDATE readers SET delivered = delivered + ${delivered}, dead_lettered = dead_lettered - ${delivered} WHERE sink = ${sink}`
}

/** Moves the cursor to a position without delivery, and drops the seals before it. A repeat changes nothing. */
export function evictTo(sql: SQLTagStore, sink: string, cursor: Position, to: Position, records: number): void {
  if (comparePositions(cursor, to) >= 0) return
  for (const seal of findSeals(sql, sink)) {
    if (comparePositions(seal.from, to) >= 0) break
    if (comparePositions(seal.to, to) > 0)
      throw new Error(`Records of ${sink} cannot be given up to the middle of its block ${seal.id}.`)
    sql.run`DELETE FROM seals WHERE id = ${seal.id}`
  }
  sql.run`UPDATE readers SET cursor_offset = ${to.offset}, cursor_index = ${to.index}, evicted = evicted + ${records} WHERE sink = ${sink}`
}

function saveState(sql: SQLTagStore, sink: string, state: Settlement['state']): void {
  for (const [key, value] of state ?? []) {
    if (value.length === 0) sql.run`DELETE FROM states WHERE sink = ${sink} AND key = ${key}`
    else sql.run`INSERT OR REPLACE INTO states VALUES (${sink}, ${key}, ${value})`
  }
}
