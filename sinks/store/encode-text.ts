import type { FieldName, RequestRecord } from '../../record/fields.ts'
import { Dictionary, dictionaryMax } from './dictionary.ts'
import type { DuckDb } from './duckdb.ts'
import type { ColumnEncoder, EncodedColumn, Refuse } from './encode.ts'
import { fixed, grown } from './encode-number.ts'
import type { Column } from './schema.ts'

/** Where half of the first 1,024 values differ the others will too, and finding out is dearer than copying them. */
const trialRows = 1024
const trialValues = trialRows / 2
/** A column's least and greatest value stand in its footer, twice, up to this length each. */
const statisticMaxBytes = 10_000
/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const bytesPerUnit = 3

/** Whose value mostly settles a field's: an endpoint has one route and one API, a consumer one team and one plan. */
export const leaders: Partial<Record<FieldName, FieldName>> = {
  route: 'endpoint',
  api: 'endpoint',
  apiVersion: 'endpoint',
  method: 'endpoint',
  useCase: 'endpoint',
  upstream: 'endpoint',
  team: 'consumer',
  keyId: 'consumer',
  plan: 'consumer',
}

/**
 * A column of texts: a dictionary and a code for each record where few differ, which spares DuckDB a call for each value;
 * else one by one. A text is first compared with the one that stood beside the leader's value last time, and looked up only
 * where it differs: looking up is most of what encoding costs.
 */
export class Texts implements ColumnEncoder {
  readonly #duck: DuckDb
  readonly #column: Column
  readonly #refuse: Refuse
  readonly #leader: Texts | undefined
  readonly #dictionary = new Dictionary()
  /** By the leader's code; without a leader the last value is the guess. */
  readonly #guesses = new Uint16Array(dictionaryMax)
  #codes = new Uint16Array()
  /** Every value, once the column has turned out to be no dictionary. */
  #plain: string[] | undefined
  #units = 0
  #longest = 0

  constructor(duck: DuckDb, column: Column, refuse: Refuse, leader: Texts | undefined) {
    this.#duck = duck
    this.#column = column
    this.#refuse = refuse
    this.#leader = leader
  }

  add(records: readonly RequestRecord[], row: number): void {
    this.#codes = grown(this.#codes, row + records.length)
    const coded = this.#plain ? 0 : this.#addCodes(records, row)
    for (let i = coded; i < records.length; i++) this.#plain?.push(this.#take(records[i]!, row + i)) // i is within
  }

  finish(rows: number): Omit<EncodedColumn, 'name'> {
    const boundBytes = this.#units * bytesPerUnit + 4 * Math.min(this.#longest * bytesPerUnit, statisticMaxBytes)
    const { api, bindings } = this.#duck
    const plain = this.#plain
    if (!plain) {
      const { names } = this.#dictionary
      const codes = names.length < 256 ? new Uint8Array(this.#codes) : this.#codes
      return { ...fixed(this.#duck, api.ENUM(names), codes.BYTES_PER_ELEMENT, rows, codes), boundBytes }
    }
    return {
      type: api.VARCHAR,
      boundBytes,
      fill(vector, from, count) {
        for (let i = 0; i < count; i++) bindings.vector_assign_string_element(vector, i, plain[from + i]!) // within
      },
    }
  }

  /** Gives records their codes; returns the first one without, where the column turns out to be no dictionary. */
  #addCodes(records: readonly RequestRecord[], row: number): number {
    const { names } = this.#dictionary
    const codes = this.#codes
    const guesses = this.#guesses
    const leaderCodes = this.#leader ? this.#leader.#codes : undefined
    for (let i = 0; i < records.length; i++) {
      const text = this.#take(records[i]!, row + i) // i is within
      const lead = leaderCodes ? leaderCodes[row + i]! : 0 // the leader was given the same records before
      let code = guesses[lead]! // as long as a dictionary
      if (names[code] !== text) {
        const found = this.#codeOf(text, row + i)
        if (found === undefined) return i
        code = found
        guesses[lead] = code
      }
      codes[row + i] = code
    }
    return records.length
  }

  /** The code of a text; undefined at the end of the dictionary. */
  #codeOf(text: string, row: number): number | undefined {
    const { names } = this.#dictionary
    const before = names.length
    const code = this.#dictionary.codeOf(text)
    const isNew = names.length > before
    const isCrowded = isNew && before === trialValues && row < trialRows
    if (code !== undefined && !isCrowded && !(isNew && text.includes('\0'))) return code // the name of a type would end at a NUL
    this.#plain = Array.from(this.#codes.subarray(0, row), (known) => names[known]!) // every code has its name
    return undefined
  }

  #take(record: RequestRecord, row: number): string {
    const value = this.#column.read(record)
    if (typeof value !== 'string') {
      this.#refuse(row, `${this.#column.field} is ${JSON.stringify(value)}, not a text`)
      return ''
    }
    this.#units += value.length
    if (value.length > this.#longest) this.#longest = value.length
    return value
  }
}
