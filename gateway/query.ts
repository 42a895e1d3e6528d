/** The first value of a query parameter; undefined where it is not there. `query` begins with its question mark. */
export function queryValue(query: string, name: string): string | undefined {
  for (const pair of pairsOf(query)) if (nameOf(pair) === name) return decoded(pair.slice(nameEnd(pair) + 1))
  return undefined
}

/** The query without a parameter, however it is spelt; all others stay as they are. Empty where none is left. */
export function withoutParameter(query: string, name: string): string {
  const rest = pairsOf(query).filter((pair) => nameOf(pair) !== name)
  return rest.length > 0 ? `?${rest.join('&')}` : ''
}

function pairsOf(query: string): string[] {
  return query.length > 1 ? query.slice(1).split('&') : []
}

function nameEnd(pair: string): number {
  const equals = pair.indexOf('=')
  return equals < 0 ? pair.length : equals
}

function nameOf(pair: string): string {
  return decoded(pair.slice(0, nameEnd(pair)))
}

function decoded(text: string): string {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text // not what decoding was made for: taken as it is
  }
}
