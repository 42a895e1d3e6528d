import type { Position, Seal } from '../buffer.ts'

/*
  A seal in Redis: id, from and to as offset and index, deaths, token and shape as JSON, with spaces between. Logs of the
  first version have seals without deaths.

    17 1000 3 1500 0 2 ["9f2c…","{}"]
*/

export function toArguments({ from, to, token, shape }: Omit<Seal, 'id' | 'deaths'>): (string | number)[] {
  return [...toPlace(from), ...toPlace(to), toRest(token, shape)]
}

export function toPlace({ offset, index }: Position): [number, number] {
  return [offset, index]
}

/** What Redis keeps of a seal without looking into it. */
export function toRest(token: string, shape: string): string {
  return JSON.stringify([token, shape])
}

export function fromText(text: string): Seal {
  const rest = text.indexOf('[')
  const [id, fromOffset, fromIndex, toOffset, toIndex, deaths = 0] = text
    .slice(0, rest - 1)
    .split(' ')
    .map(Number) as [number, number, number, number, number, number?] // the scripts write them
  const [token, shape] = JSON.parse(text.slice(rest)) as [string, string] // as `toRest` wrote it
  return {
    ...{ id, token, shape, deaths },
    from: { offset: fromOffset, index: fromIndex },
    to: { offset: toOffset, index: toIndex },
  }
}
