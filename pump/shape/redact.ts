import { createHmac } from 'node:crypto'
import * as z from 'zod'
import { type FieldName, fieldNames, fields, type RequestRecord } from '../../record/fields.ts'
import { didYouMean } from '../../runtime/suggest.ts'
import { hideInDetail } from './detail.ts'
import { matcher } from './pattern.ts'
import { mark, type Replace, type ReplaceByName, replaceByName } from './replace.ts'

const textFields = fieldNames.filter((name) => fields[name].type.safeParse(mark).success)
const namedPlaces = ['tags', 'detail.headers', 'detail.body'] as const
type Place = (typeof namedPlaces)[number]

const ways = ['mark', 'hash'] as const

/** What is taken out of a record, by path. */
export const redactOptions = z.record(z.string(), z.enum(ways)).superRefine((paths, context) => {
  for (const path of Object.keys(paths)) {
    if (toTarget(path)) continue
    const candidates = [...textFields, ...namedPlaces.map((place) => `${place}.NAME`)]
    context.addIssue({
      code: 'custom',
      path: [path],
      message: `is neither a text field of the record nor ${namedPlaces.map((place) => `${place}.NAME`).join(', ')}.${didYouMean(path, candidates)}`,
    })
  }
})

export type RedactOptions = z.output<typeof redactOptions>

export type Mutable = { -readonly [K in FieldName]: RequestRecord[K] }

type Target = { readonly field: FieldName } | { readonly place: Place; readonly name: string }

function toTarget(path: string): Target | undefined {
  const field = textFields.find((name) => name === path)
  if (field) return { field }
  const place = namedPlaces.find((place) => path.startsWith(`${place}.`) && path.length > place.length + 1)
  return place && { place, name: path.slice(place.length + 1) }
}

/** Whether some of it is hashed, and so needs a key. */
export function needsKey(redact: RedactOptions | undefined): boolean {
  return Object.values(redact ?? {}).includes('hash')
}

/**
 * Makes a function that takes out of a record what the paths name; of paths that name the same, the first one counts.
 * A hash is keyed, so that nobody finds a name or an address by hashing all there are.
 */
export function redactor(redact: RedactOptions, key: string | undefined): (record: Mutable) => void {
  const replaces: Readonly<Record<(typeof ways)[number], Replace>> = {
    mark: (text) => (text === '' ? '' : mark),
    hash: hasher(key),
  }
  const steps: ((record: Mutable) => void)[] = []
  const byPlace = new Map<Place, { matches: (name: string) => boolean; replace: Replace }[]>()
  for (const [path, way] of Object.entries(redact)) {
    const target = toTarget(path)
    if (!target) throw new Error(`There is nothing to redact at "${path}": the schema comes first.`)
    const replace = replaces[way]
    if ('field' in target) steps.push(fieldStep(target.field, replace, Object.hasOwn(redact, 'team')))
    else {
      const list = byPlace.get(target.place) ?? []
      list.push({ matches: matcher([target.name.toLowerCase()]), replace })
      byPlace.set(target.place, list)
    }
  }
  const byName = (place: Place): ReplaceByName | undefined => {
    const list = byPlace.get(place)
    // Whatever the case: a header has none, and a password is one in any.
    return list && ((name) => list.find(({ matches }) => matches(name.toLowerCase()))?.replace)
  }
  const tags = byName('tags')
  if (tags) steps.push((record) => Object.assign(record, { tags: replaceByName(record.tags, tags) }))
  const headers = byName('detail.headers')
  const body = byName('detail.body')
  if (headers || body) {
    steps.push((record) => {
      if (record.detail) record.detail = hideInDetail(record.detail, { headers, body })
    })
  }
  return (record) => {
    for (const step of steps) step(record)
  }
}

/** A team that only repeats its consumer’s name goes the consumer’s way, unless it has one of its own. */
function fieldStep(field: FieldName, replace: Replace, teamHasOwn: boolean): (record: Mutable) => void {
  const replaced = (text: unknown) => replace(String(text)) // every one of these fields is a text
  return (record) => {
    const isRepeated = field === 'consumer' && !teamHasOwn && record.team === record.consumer
    Object.assign(record, { [field]: replaced(record[field]) })
    if (isRepeated) record.team = record.consumer
  }
}

/** 10,000: the consumers of a large installation; at 3 µs a hash they would cost more than a sink. */
const hashesKept = 10_000

function hasher(key: string | undefined): Replace {
  const known = new Map<string, string>()
  return (text) => {
    if (text === '') return ''
    if (key === undefined) throw new Error('A hash has no key: the config is checked first.')
    let hash = known.get(text)
    if (hash === undefined) {
      hash = createHmac('sha256', key).update(text).digest('hex').slice(0, 32) // 128 bits
      if (known.size >= hashesKept) known.clear()
      known.set(text, hash)
    }
    return hash
  }
}
