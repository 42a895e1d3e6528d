import { didYouMean } from '../runtime/suggest.ts'
import { type FilterField, filterNames, isFilterField, isNumberField, type NumberField } from './dimension.ts'

const comparisons = ['==', '!=', '>=', '<=', '>', '<'] as const
export type Comparison = (typeof comparisons)[number]

/** One condition: `==` any of the values, `!=` none of them, the others one number. */
export type Filter =
  | { readonly field: FilterField; readonly comparison: '==' | '!='; readonly values: readonly (string | number)[] }
  | { readonly field: NumberField; readonly comparison: '>=' | '<=' | '>' | '<'; readonly values: readonly [number] }

/** 100: what a person or a page lists; each value is a parameter of the statement. */
const maxValues = 100

/** A filter is wrong; the message says how it is written. */
export class FilterError extends Error {
  override readonly name = 'FilterError'
}

/**
 * Parses `status>=500;consumer==acme,globex;tags.tier!=free`: conditions that must all hold, values separated by commas.
 * A backslash takes a comma, a semicolon or itself as part of a value.
 */
export function parseFilters(text: string): Filter[] {
  return split(text, ';')
    .filter((condition) => condition.trim() !== '')
    .map(parseCondition)
}

function parseCondition(condition: string): Filter {
  const match = /^\s*(?<field>[^=!<>]+?)\s*(?<comparison>==|!=|>=|<=|>|<)(?<values>.*)$/s.exec(condition)
  const { field = '', comparison, values = '' } = match?.groups ?? {}
  const known = comparisons.find((one) => one === comparison)
  if (!known) throw new FilterError(`"${condition}" is no condition: write it as consumer==acme or status>=500.`)
  if (!isFilterField(field)) throw new FilterError(`There is no field "${field}".${didYouMean(field, filterNames)}`)
  const texts = split(values, ',').map((value) => value.replace(/\\(.)/gs, '$1'))
  if (texts.length > maxValues) throw new FilterError(`A condition takes at most ${maxValues} values.`)
  if (known === '==' || known === '!=') {
    return {
      field,
      comparison: known,
      values: isNumberField(field) ? texts.map((text) => toNumber(field, text)) : texts,
    }
  }
  if (!isNumberField(field)) throw new FilterError(`"${field}" is a text: compare it with == or !=.`)
  const [first = '', ...others] = texts
  if (others.length > 0) throw new FilterError(`${field}${known} takes one number, not ${texts.length}.`)
  return { field, comparison: known, values: [toNumber(field, first)] }
}

function toNumber(field: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(number)) {
    throw new FilterError(`"${text}" is not a whole number, as ${field} is.`)
  }
  return number
}

/** Splits at a separator that no backslash precedes; the backslashes stay. */
function split(text: string, separator: ',' | ';'): string[] {
  const parts = ['']
  for (const [piece] of text.matchAll(/\\.|[^\\]|\\$/gs)) {
    if (piece === separator) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts
}
