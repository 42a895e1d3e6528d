import type { UsageResult } from './result.ts'

/** A result as one flat table: a line for each row, then `other` where there is one, then the total. */
export interface Table {
  readonly columns: readonly string[]
  readonly lines: readonly Readonly<Record<string, Cell>>[]
}

type Cell = string | number | null

/** The column that tells the rows from `other` and the total. */
const kindColumn = 'row'

export function toTable({ by, metrics, rows, other, total }: UsageResult): Table {
  return {
    columns: [kindColumn, ...by, ...metrics, ...(other ? ['groups'] : [])],
    lines: [
      ...rows.map((row) => ({ [kindColumn]: 'group', ...row })),
      ...(other ? [{ [kindColumn]: 'other', ...other }] : []),
      { [kindColumn]: 'total', ...total },
    ],
  }
}

/** Lines of JSON, one for each line of the table. */
export function toNdjson(result: UsageResult): string {
  return toTable(result)
    .lines.map((line) => `${JSON.stringify(line)}\n`)
    .join('')
}

/** CSV as RFC 4180 has it, with a header. A text that a spreadsheet would take for a formula gets an apostrophe in front. */
export function toCsv(result: UsageResult): string {
  const { columns, lines } = toTable(result)
  const rows = [columns, ...lines.map((line) => columns.map((column) => line[column] ?? null))]
  return rows.map((cells) => `${cells.map(toCell).join(',')}\r\n`).join('')
}

function toCell(value: Cell): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
