import { type FieldName, fields, type RequestRecord } from '../../record/fields.ts'
import { tracingFields } from '../../record/trace.ts'
import type { Person } from '../holdings.ts'
import { guarded } from './lines.ts'
import { type RecordFile, type Row, rowsOf } from './rows.ts'

/** A record as a row has it: some of its fields. */
export interface HeldRow {
  readonly id: string | undefined
  /** Unix microseconds; undefined where the file leaves the field out. */
  readonly ts: number | undefined
  isOf(person: Person): boolean
  /** The row with nothing of the person and as many bytes; undefined where it was not written by this sink. */
  masked(): Buffer | undefined
  /** Where the row begins, in bytes of what is not compressed. */
  readonly at: number
}

/** The records of a file. What cannot be read as one is passed over. */
export async function* recordsOf(file: RecordFile, signal: AbortSignal): AsyncGenerator<HeldRow> {
  let head: readonly FieldName[] | undefined
  for await (const row of rowsOf(file, signal)) {
    if (file.format === 'jsonl') {
      const held = fromJson(row)
      if (held) yield held
    } else if (head) yield fromCsv(row, head)
    else head = cellsOf(row.text.toString()) as FieldName[] // the names that the sink wrote
  }
}

function fromJson({ text, at }: Row): HeldRow | undefined {
  let record: Partial<RequestRecord>
  try {
    record = JSON.parse(text.toString()) as typeof record // written from a record
  } catch {
    return undefined
  }
  const { id, ts, org = fields.org.empty, consumer } = record
  return {
    id,
    ts,
    isOf: (person) => consumer === person.consumer && org === person.org,
    masked: () =>
      filled(text.length, (filling) => {
        const blanks = tracingFields.filter((name) => name in record).map((name) => [name, blankOf(record[name])])
        return JSON.stringify({ ...record, ...Object.fromEntries(blanks), consumer: filling })
      }),
    at,
  }
}

function blankOf(value: unknown): unknown {
  if (typeof value === 'string') return ''
  return typeof value === 'object' && value !== null ? {} : value
}

function fromCsv({ text, at }: Row, head: readonly FieldName[]): HeldRow {
  const raw = rawCellsOf(text.toString())
  const cell = (name: FieldName) => {
    const place = head.indexOf(name)
    return place < 0 ? undefined : plain(raw[place] ?? '')
  }
  const ts = cell('ts')
  return {
    id: cell('id'),
    ts: ts === undefined ? undefined : Number(ts),
    isOf: ({ org, consumer }) => {
      const theirs = cell('consumer')
      return (
        (theirs === consumer || theirs === guarded(consumer)) &&
        [org, guarded(org)].includes(cell('org') ?? fields.org.empty)
      )
    },
    masked: () =>
      filled(text.length, (filling) => {
        const cells = head.map((name, place) => {
          if (name === 'consumer') return filling
          if (!tracingFields.includes(name)) return raw[place] ?? ''
          return name === 'tags' ? '{}' : ''
        })
        return `${cells.join(',')}\r` // the line's end is left out of the row, but for this
      }),
    at,
  }
}

/** What `toText` makes of a filling that gives it exactly so many bytes. */
function filled(bytes: number, toText: (filling: string) => string): Buffer | undefined {
  const missing = bytes - Buffer.byteLength(toText(''))
  return missing < 1 ? undefined : Buffer.from(toText('*'.repeat(missing)))
}

const rawCell = /("(?:[^"]|"")*"|[^,]*)(?:,|\r?$)/y

/** The cells of a row as they stand in it, quotes and all. */
function rawCellsOf(row: string): string[] {
  const line = row.endsWith('\r') ? row.slice(0, -1) : row
  const cells: string[] = []
  rawCell.lastIndex = 0
  for (let ended = false; !ended; ) {
    const [whole, cell] = rawCell.exec(line) ?? ['', '']
    cells.push(cell ?? '')
    ended = !whole.endsWith(',') || whole === ''
  }
  return cells
}

const cellsOf = (row: string) => rawCellsOf(row).map(plain)

function plain(cell: string): string {
  return cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
}
