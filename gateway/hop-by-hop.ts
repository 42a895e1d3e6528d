/** Headers that speak of one connection only, in either direction: they end here. So do trailers, which few clients read and some caches take for headers. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

const usual = new Set(['', 'keep-alive', 'close', 'upgrade'])

/** Further headers that a Connection header names as ending here; undefined where it names none, as most do. */
export function namedByConnection(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  const names = connection
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => !usual.has(name))
  return names.length > 0 ? new Set(names) : undefined
}

/** 1 at each length that one of the names has: any other header needs no second look. */
export function lengthsOf(names: Iterable<string>): Uint8Array {
  const lengths = new Uint8Array(256)
  for (const { length } of names) lengths[length] = 1
  return lengths
}
