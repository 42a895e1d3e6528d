import type { FieldName } from '../record/fields.ts'

/** What the traffic can be split and filtered by: fields of the record under their own names. */
export const textDimensions = [
  'api',
  'apiVersion',
  'endpoint',
  'route',
  'method',
  'host',
  'path',
  'outcome',
  'consumer',
  'team',
  'plan',
  'useCase',
  'keyId',
  'gateway',
  'region',
  'upstream',
  'cache',
  'variant',
  'country',
  'clientIp',
  'userAgent',
  'referer',
] as const satisfies readonly FieldName[]

/** Fields that a filter can compare with a number; `status` is a dimension as well. */
export const numberFields = [
  'status',
  'tries',
  'totalUs',
  'gatewayUs',
  'upstreamUs',
  'bytesIn',
  'bytesOut',
] as const satisfies readonly FieldName[]

export type TextDimension = (typeof textDimensions)[number]
export type NumberField = (typeof numberFields)[number]

/** A tag of the record: `tags.` and its name. */
export type TagDimension = `tags.${string}`

export type Dimension = TextDimension | 'status' | 'statusClass' | TagDimension
export type FilterField = Dimension | NumberField

/** Every dimension with a name of its own; tags come beside them. */
export const dimensionNames: readonly Dimension[] = [...textDimensions, 'status', 'statusClass']
export const filterNames: readonly FilterField[] = [...new Set([...dimensionNames, ...numberFields])]

export function isTag(name: string): name is TagDimension {
  return name.startsWith('tags.') && name.length > 'tags.'.length
}

export function isDimension(name: string): name is Dimension {
  return isTag(name) || dimensionNames.some((known) => known === name)
}

export function isFilterField(name: string): name is FilterField {
  return isTag(name) || filterNames.some((known) => known === name)
}

export function isNumberField(name: FilterField): name is NumberField {
  return numberFields.some((known) => known === name)
}
