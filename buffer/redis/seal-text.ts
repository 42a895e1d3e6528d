import type { Position, Seal } from '../buffer.ts'

/*
  A seal in Redis: id, from and to as offset and index, token and shape as JSON, with spaces between.

    17 1000 3 1500 0 ["9f2c…","{}"]
*/

export function toArguments({ from, to, token, shape }: Omit<Seal, 'id'>): (string | number)[] {
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
  const [id, fromOffset, fromIndex, toOffset, toIndex] = text.split(' ', 5).map(Number) as [number, ...number[]] // the scripts write five
  const [token, shape] = JSON.parse(text.slice(text.indexOf('['))) as [string, string] // as `toRest` wrote it
  return {
    id,
    from: { offset: fromOffset!, index: fromIndex! },
    to: { offset: toOffset!, index: toIndex! },
    token,
    shape,
  }
}
