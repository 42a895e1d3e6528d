import { type FieldName, fieldNames, fields, type RequestRecord } from './fields.ts'

/** Fields that lead to a person without saying anything about one. */
const leading: readonly FieldName[] = ['team', 'keyId', 'path', 'traceId', 'spanId', 'tags']

/** What an erasure takes of a record that has to stay: everything that says something about a person or leads to one. */
export const tracingFields: readonly FieldName[] = fieldNames.filter(
  (name) => fields[name].personal || leading.includes(name),
)

/** Stands for each byte of a text that had to keep its length. */
const mask = '*'

/** A text of as many bytes that says nothing. */
export function masked(text: string): string {
  return mask.repeat(Buffer.byteLength(text))
}

/** The value with every text in it masked, names within maps apart; it takes as many bytes as before in every encoding that keeps lengths. */
export function maskedDeeply(value: unknown): unknown {
  if (typeof value === 'string') return masked(value)
  if (Array.isArray(value)) return value.map(maskedDeeply)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, maskedDeeply(inner)]))
}

/** Whether the record is one of the consumer's. */
export function isOf(record: Pick<RequestRecord, 'org' | 'consumer'>, { org, consumer }: typeof record): boolean {
  return record.consumer === consumer && record.org === org
}
