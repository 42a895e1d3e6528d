import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type FieldName, fields, type RequestRecord } from '../../record/fields.ts'
import { aRecord } from '../../record/sample.ts'
import file from '../../sinks/file/file.ts'
import { openDelivery, type SinkHarness, type StoredRecord } from './delivery.ts'

export async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'penstock-file-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'files')
}

/** Files with records, the link to the newest one left out. */
export async function namesIn(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return []
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort()
}

async function textOf(folder: string, name: string): Promise<string> {
  const bytes = await readFile(join(folder, name))
  return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
}

export async function recordsIn(folder: string): Promise<StoredRecord[]> {
  const texts = await Promise.all(
    (await namesIn(folder)).map(async (name) => ({ name, text: await textOf(folder, name) })),
  )
  return texts.flatMap(({ name, text }) => (name.includes('.csv') ? fromCsv(text) : fromLines(text)))
}

function fromLines(text: string): StoredRecord[] {
  assert.ok(text.endsWith('\n'), 'the last line is whole')
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** RFC 4180, strictly: whatever does not fit fails. */
function fromCsv(text: string): StoredRecord[] {
  const rows: string[][] = [[]]
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex
    const [, inQuotes, plain, end] = cell.exec(text) ?? assert.fail(`no CSV at ${at}: ${text.slice(at, at + 50)}`)
    rows.at(-1)?.push(inQuotes?.replaceAll('""', '"') ?? plain ?? '')
    if (end === '\r\n') rows.push([])
  }
  const [head = [], ...lines] = rows.slice(0, -1)
  return lines.map((line) => {
    assert.equal(line.length, head.length)
    return Object.fromEntries(head.map((name, i) => [name, fromCell(name as FieldName, line[i] ?? '')])) // written from the fields
  }) as StoredRecord[]
}

function fromCell(name: FieldName, text: string): unknown {
  const { empty } = fields[name]
  if (typeof empty === 'string') return text
  return text === '' ? null : JSON.parse(text)
}

export async function openFiles(t: TestContext, options: Record<string, unknown> = {}) {
  const folder = await scratch(t)
  const harness: SinkHarness = {
    definition: file,
    fresh: async () => ({ options: { folder, ...options }, stored: () => recordsIn(folder) }),
  }
  const delivery = await openDelivery(harness, await harness.fresh(t))
  t.after(() => delivery[Symbol.asyncDispose]())
  return {
    folder,
    delivery,
    names: () => namesIn(folder),
    text: async () => (await Promise.all((await namesIn(folder)).map((name) => textOf(folder, name)))).join(''),
    path: async () => join(folder, (await namesIn(folder)).at(-1) ?? ''),
  }
}

export const someRecords = (count: number, overrides: Partial<RequestRecord> = {}) =>
  Array.from({ length: count }, () => aRecord(overrides))

export const ts = Date.UTC(2026, 9, 4, 9, 19, 32) * 1000
