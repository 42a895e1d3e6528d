import { isDeepStrictEqual } from 'node:util'
import { fieldNames, type RequestRecord } from '../record/fields.ts'

/** What differs between a record and what a sink gets of it, by path; its weight, which sampling changes, is not told. */
export function changesOf(before: RequestRecord, after: RequestRecord): string[] {
  return fieldNames.filter((name) => name !== 'weight').flatMap((name) => pathsOf(name, before[name], after[name]))
}

function pathsOf(path: string, before: unknown, after: unknown): string[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isMap(before) || !isMap(after)) return [path]
  return Object.keys(before).flatMap((key) => pathsOf(`${path}.${key}`, before[key], after[key]))
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}
