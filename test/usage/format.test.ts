import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toCsv, toNdjson, toTable } from '../../usage/format.ts'
import type { UsageResult } from '../../usage/result.ts'

const name = fc.oneof(
  fc.constantFrom('', '=1+1', '-5', '@a', '"', ',', 'a\r\nb', '\t', 'GET /orders/{id}'),
  fc.string({ unit: 'binary' }),
)
/** Without −0, which neither form tells from 0. */
const number = fc.option(
  fc.oneof(
    fc.nat(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  ),
)

const anyResult: fc.Arbitrary<UsageResult> = fc
  .record({
    rows: fc.array(fc.record({ endpoint: name, status: fc.nat(599), calls: number, p95: number }), { maxLength: 5 }),
    other: fc.option(fc.record({ groups: fc.nat(), calls: number, p95: number })),
    total: fc.record({ calls: number, p95: number }),
  })
  .map((parts) => ({
    from: '2026-11-21T08:00:00.000Z',
    to: '2026-11-21T09:00:00.000Z',
    as_of: null,
    metrics: ['calls', 'p95'],
    by: ['endpoint', 'status'],
    coverage: { complete: true, complete_from: null, sampled: false },
    ...parts,
  }))

/** Reads CSV as RFC 4180 has it. */
function parseCsv(text: string): string[][] {
  const lines: string[][] = [[]]
  for (const [, separator, quoted, plain = ''] of text.matchAll(/(^|,|\r\n)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)) {
    if (separator === '\r\n') lines.push([])
    lines.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
  }
  return lines.slice(0, -1) // the last line ends as well
}

const isText = new Set(['row', 'endpoint'])

test('CSV and JSON lines say the same, whatever stands in them', () => {
  const holds = (result: UsageResult) => {
    const { columns, lines } = toTable(result)
    const [header, ...rows] = parseCsv(toCsv(result))
    assert.deepEqual(header, columns)
    const read = rows.map((cells) =>
      Object.fromEntries(
        columns.map((column, i) => {
          const cell = cells[i] ?? ''
          if (isText.has(column)) return [column, /^'[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell]
          return [column, cell === '' ? null : Number(cell)]
        }),
      ),
    )
    const filled = (line: object) =>
      Object.fromEntries(
        columns.map((column) => [
          column,
          (line as Record<string, unknown>)[column] ?? (isText.has(column) ? '' : null),
        ]),
      ) // a line of the table
    const fromJson = toNdjson(result)
      .trimEnd()
      .split('\n')
      .map((line) => filled(JSON.parse(line)))
    assert.deepEqual(read, lines.map(filled))
    assert.deepEqual(fromJson, read)
  }
  fc.assert(fc.property(anyResult, holds))
})

test('a name that a spreadsheet would take for a formula is a text there', () => {
  const result = {
    by: ['consumer'],
    metrics: ['calls'],
    rows: [{ consumer: '=HYPERLINK("http://evil")', calls: -1 }],
    other: null,
    total: { calls: 1 },
  }
  assert.equal(
    toCsv(result as unknown as UsageResult),
    'row,consumer,calls\r\ngroup,"\'=HYPERLINK(""http://evil"")",-1\r\ntotal,,1\r\n',
  ) // the rest does not matter here
})
