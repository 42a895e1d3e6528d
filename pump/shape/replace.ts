/** Stands in the place of what was taken out. */
export const mark = '[redacted]'

/** What a text becomes; an empty one stays empty, because it says nothing. */
export type Replace = (text: string) => string

/** What a value is replaced by, by its name; undefined where it is left alone. */
export type ReplaceByName = (name: string) => Replace | undefined

/** The same values but for those that their names give away. */
export function replaceByName(
  values: Readonly<Record<string, string>>,
  replaceOf: ReplaceByName,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, replaceOf(name)?.(value) ?? value]))
}
