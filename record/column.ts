import type { FieldName } from './fields.ts'

/** A field's column in every SQL store: the same words in snake_case, so that no SQL needs quotes and one query reads any of them. */
export function columnOf(field: FieldName): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
