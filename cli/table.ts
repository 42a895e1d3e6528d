export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows as a table for a terminal, its columns as wide as what stands in them. */
export function toTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const toLine = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? ''
        const width = widths[i] ?? 0
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [toLine(columns.map(({ title }) => title)), ...rows.map(toLine), ''].join('\n')
}
