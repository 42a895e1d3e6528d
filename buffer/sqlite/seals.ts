import type { SQLTagStore } from 'node:sqlite'
import { comparePositions, type Position, type Seal } from '../buffer.ts'

interface SealRow {
  readonly id: number
  readonly from_offset: number
  readonly from_index: number
  readonly to_offset: number
  readonly to_index: number
  readonly token: string
  readonly shape: string
  readonly deaths: number
}

/** A sink's seals, oldest first. */
export function findSeals(sql: SQLTagStore, sink: string): Seal[] {
  const rows = sql.all`SELECT * FROM seals WHERE sink = ${sink} ORDER BY from_offset, from_index`
  return (rows as unknown as SealRow[]).map(toSeal) // as the schema has it
}

/** An owner has ended without letting go: what it had sealed may be why. */
export function countDeath(sql: SQLTagStore, sink: string): void {
  sql.run`UPDATE seals SET deaths = deaths + 1 WHERE sink = ${sink}`
}

/** Adds a seal behind the last one, or behind the cursor where there is none; a repeat finds the one that is there. */
export function addSeal(sql: SQLTagStore, sink: string, cursor: Position, block: Omit<Seal, 'id' | 'deaths'>): Seal {
  const last = findSeals(sql, sink).at(-1)
  if (last && isSame(last, block)) return last
  const end = last?.to ?? cursor
  if (comparePositions(block.from, end) !== 0)
    throw new Error(`A block of ${sink} must begin at ${show(end)}, not at ${show(block.from)}.`)
  if (comparePositions(block.to, block.from) <= 0)
    throw new Error(`A block of ${sink} must end behind ${show(block.from)}, not at ${show(block.to)}.`)
  const { cumulative } = sql.get`SELECT cumulative FROM log` as { cumulative: number } // made with the file
  if (block.to.offset + block.to.index > cumulative)
    throw new Error(`A block of ${sink} cannot end at ${show(block.to)}: the log ends at ${cumulative}.`)
  return insertSeal(sql, sink, { ...block, deaths: 0 })
}

/** Replaces a seal by its two halves; a repeat finds them. */
export function splitSeal(
  sql: SQLTagStore,
  sink: string,
  seal: Seal,
  at: Position,
  [left, right]: readonly [string, string],
): readonly [Seal, Seal] {
  const first = { ...seal, to: at, token: left }
  const second = { ...seal, from: at, token: right }
  const seals = findSeals(sql, sink)
  const whole = seals.find((other) => other.id === seal.id)
  if (!whole) {
    const halves = [seals.find((other) => isSame(other, first)), seals.find((other) => isSame(other, second))] as const
    if (halves[0] && halves[1]) return [halves[0], halves[1]]
    throw new Error(`Block ${seal.id} of ${sink} is not sealed, so it cannot be split.`)
  }
  if (comparePositions(at, whole.from) <= 0 || comparePositions(at, whole.to) >= 0)
    throw new Error(`A block of ${sink} from ${show(whole.from)} to ${show(whole.to)} cannot be split at ${show(at)}.`)
  sql.run`DELETE FROM seals WHERE id = ${seal.id}`
  const { deaths } = whole
  return [insertSeal(sql, sink, { ...first, deaths }), insertSeal(sql, sink, { ...second, deaths })]
}

function insertSeal(sql: SQLTagStore, sink: string, seal: Omit<Seal, 'id'>): Seal {
  const { from, to, token, shape, deaths } = seal
  const { lastInsertRowid } =
    sql.run`INSERT INTO seals (sink, from_offset, from_index, to_offset, to_index, token, shape, deaths) VALUES (${sink}, ${from.offset}, ${from.index}, ${to.offset}, ${to.index}, ${token}, ${shape}, ${deaths})`
  return { id: Number(lastInsertRowid), from, to, token, shape, deaths }
}

function toSeal(row: SealRow): Seal {
  return {
    id: row.id,
    from: { offset: row.from_offset, index: row.from_index },
    to: { offset: row.to_offset, index: row.to_index },
    token: row.token,
    shape: row.shape,
    deaths: row.deaths,
  }
}

function isSame(seal: Seal, block: Omit<Seal, 'id' | 'deaths'>): boolean {
  return (
    seal.token === block.token &&
    seal.shape === block.shape &&
    comparePositions(seal.from, block.from) === 0 &&
    comparePositions(seal.to, block.to) === 0
  )
}

const show = ({ offset, index }: Position) => `${offset}+${index}`
