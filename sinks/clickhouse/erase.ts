import { randomUUID } from 'node:crypto'
import type { Erasure, Person } from '../holdings.ts'
import { HaltError } from '../sink.ts'
import type { Connection } from './connection.ts'
import type { ClickHouseOptions } from './options.ts'
import { idTail, minuteOfRow, sumOfTails } from './sums.ts'
import { tables } from './tables.ts'

/*
  An erasure

    1  delete the person's rows of usage per hour
    2  list the ids of the person's records in `…erasing_draft`, and rename it to `…erasing`: from here on it is known which go
    3  write their sums by minute to `…erased`, which names nobody
    4  delete the records of the list, rewriting the parts that hold them
    5  drop the list

  Cut short after 2, the next one goes on at 3, whomever it is for. Usage per minute names no consumer and stays.
*/

/** Deletes are done when the statement is: in all parts, not only hidden. */
const atOnce = { mutations_sync: 2, allow_nondeterministic_mutations: 1 } // 1: the list of ids is a table, which nobody else writes

/** The table of what erasures took: as old as the records that it explains, and small. */
export async function createErased(connection: Connection, options: ClickHouseOptions, signal: AbortSignal) {
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${tables(options).erased} (erasure UUID, minute UInt32, records UInt64, id_sum UInt64)
      ENGINE = MergeTree ORDER BY (minute, erasure)`,
    signal,
  )
}

export async function hasTable(connection: Connection, name: string, signal: AbortSignal): Promise<boolean> {
  return (await connection.run(`EXISTS TABLE ${name} FORMAT TSV`, signal)).trim() === '1'
}

export async function erase(
  connection: Connection,
  options: ClickHouseOptions,
  { org, consumer }: Person,
  signal: AbortSignal,
): Promise<Erasure> {
  const { requests, usage1h, erasing } = tables(options)
  await checkPlain(connection, requests, signal)
  const parameters = { org, consumer }
  const theirs = 'org = {org:String} AND consumer = {consumer:String}'
  await connection.run(`ALTER TABLE ${usage1h} DELETE WHERE ${theirs}`, signal, { parameters, settings: atOnce })

  let removed = 0
  if (await hasTable(connection, erasing, signal)) removed += await finish(connection, options, signal)
  const found = Number(
    await connection.run(`SELECT count() FROM ${requests} WHERE ${theirs} FORMAT TSV`, signal, { parameters }),
  )
  if (found > 0) {
    await connection.run(`DROP TABLE IF EXISTS ${erasing}_draft SYNC`, signal)
    await connection.run(
      `CREATE TABLE ${erasing}_draft (erasure UUID, id UUID, minute UInt32, copies UInt64) ENGINE = MergeTree ORDER BY id`,
      signal,
    )
    await connection.run(
      `INSERT INTO ${erasing}_draft SELECT {erasure:UUID}, id, ${minuteOfRow} AS minute, count() FROM ${requests}
        WHERE ${theirs} GROUP BY id, minute`,
      signal,
      { parameters: { ...parameters, erasure: randomUUID() } },
    )
    await connection.run(`RENAME TABLE ${erasing}_draft TO ${erasing}`, signal)
    removed += await finish(connection, options, signal)
  }
  return { removed, overwritten: 0, notes: [hoursNote] }
}

const hoursNote =
  'The consumer’s rows of usage per hour are deleted; usage per minute names no consumer and keeps its sums.'

/** Deletes what the list says; resolves to how many records that were. */
async function finish(connection: Connection, options: ClickHouseOptions, signal: AbortSignal): Promise<number> {
  const { requests, erasing, erased } = tables(options)
  await connection.run(
    `INSERT INTO ${erased} SELECT erasure, minute, sum(copies), ${sumOfTails(`copies * ${idTail}`)} FROM ${erasing} GROUP BY erasure, minute`,
    signal,
  )
  const records = Number(await connection.run(`SELECT sum(copies) FROM ${erasing} FORMAT TSV`, signal))
  await connection.run(`ALTER TABLE ${requests} DELETE WHERE id IN (SELECT id FROM ${erasing})`, signal, {
    settings: atOnce,
  })
  await connection.run(`DROP TABLE ${erasing} SYNC`, signal)
  return records
}

/** On several servers each would read a list of its own, and most have none. */
async function checkPlain(connection: Connection, requests: string, signal: AbortSignal): Promise<void> {
  const sql = 'SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {name:String} FORMAT TSV'
  const engine = (await connection.run(sql, signal, { parameters: { name: requests } })).trim()
  if (engine === '') throw new HaltError(`There is no table ${requests}: nothing was ever delivered here.`)
  if (engine.endsWith('MergeTree') && !/^(Replicated|Shared)/.test(engine)) return
  throw new HaltError(
    `${requests} is of engine ${engine}, which only its operator can erase from: run ALTER TABLE … DELETE WHERE org = … AND consumer = … on its cluster, for the tables of records and of usage per hour. An audit names what is gone.`,
  )
}
