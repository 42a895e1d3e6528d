import { printable, widthOf } from './cells.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows as a table for a terminal, its columns as wide as what stands in them. */
export function toTable(columns: readonly Column[], given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(printable))
  const widths = columns.map(({ title }, i) =>
    rows.reduce((most, row) => Math.max(most, widthOf(row[i] ?? '')), title.length),
  )
  const toLine = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? ''
        const padding = ' '.repeat((widths[i] ?? 0) - widthOf(cell))
        return align === 'right' ? padding + cell : cell + padding
      })
      .join('  ')
      .trimEnd()
  return [toLine(columns.map(({ title }) => title)), ...rows.map(toLine), ''].join('\n')
}
