import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import type { FileOptions } from './options.ts'

/** How records stand in a file. */
export interface Lines {
  /** What a file begins with. */
  readonly head: string
  /** A record with the end of its line. */
  readonly line: (record: RequestRecord) => string
}

type Layout = Pick<FileOptions, 'format' | 'fields' | 'guardFormulas'>

export function toLines({ format, fields: chosen, guardFormulas }: Layout): Lines {
  return format === 'csv' ? csvLines(chosen ?? fieldNames, guardFormulas) : jsonLines(chosen)
}

function jsonLines(chosen: readonly FieldName[] | undefined): Lines {
  if (!chosen) return { head: '', line: (record) => `${JSON.stringify(record)}\n` }
  const pick = (record: RequestRecord) => Object.fromEntries(chosen.map((name) => [name, record[name]]))
  return { head: '', line: (record) => `${JSON.stringify(pick(record))}\n` }
}

/** RFC 4180: commas, CRLF, quotes doubled. Tags and detail are JSON in their cell; a detail that is not there leaves it empty. */
function csvLines(chosen: readonly FieldName[], guardFormulas: boolean): Lines {
  const text = guardFormulas ? (value: string) => quoted(guarded(value)) : quoted
  const json = (value: unknown) => (value === null ? '' : quoted(JSON.stringify(value)))
  const cells = chosen.map((name) => {
    const { empty } = fields[name]
    if (typeof empty === 'number') return `r.${name}`
    return typeof empty === 'string' ? `text(r.${name})` : `json(r.${name})`
  })
  // Built once from the declaration: one expression of all cells is twice as fast as a loop over them.
  const toLine = new Function('text', 'json', `return (r) => ${cells.join(" + ',' + ")} + '\\r\\n'`)
  return { head: `${chosen.join(',')}\r\n`, line: toLine(text, json) as Lines['line'] } // as it was just written
}

const needsQuotes = /[",\r\n]/

function quoted(text: string): string {
  return needsQuotes.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** What spreadsheets take for the beginning of a formula, the full-width forms too. */
const formula = /^[=+\-@\t\r＝＋－＠]/

/** The text as a cell has it where formulas are guarded against. */
export function guarded(text: string): string {
  return formula.test(text) ? `'${text}` : text
}
