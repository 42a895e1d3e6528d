import { idSumModulus, idSumOf } from '../../record/minute-sum.ts'

/** How many records, and the sum of their ids. */
export interface Sum {
  readonly records: number
  readonly idSum: number
}

/** All that is known of one minute of one sink. */
export interface MinuteEvidence {
  /** What the sink should hold: delivered less erased. */
  readonly expected: Sum
  /** How often each id is held; those that are on their way are left out. */
  readonly held: ReadonlyMap<string, number>
  /** Ids that others have, of records that were delivered here as far as anybody can say. */
  readonly others: ReadonlySet<string>
  /** Whether others can vouch for all of the minute: then an id that none of them has was made up here. */
  readonly isVouchedFor: boolean
}

export interface Explanation {
  readonly missing: readonly string[]
  readonly doubled: readonly string[]
  readonly unknown: readonly string[]
  /** Records beyond those that are named. */
  readonly unnamedMissing: number
  readonly unnamedUnknown: number
}

/**
 * Names the records by which a minute differs. What is named adds up to the difference in number and in the sum of ids; where no
 * set of ids does, only numbers are given, but for what is there twice, which the sink's own ids show.
 */
export function explain({ expected, held, others, isVouchedFor }: MinuteEvidence): Explanation {
  const doubled = [...held].filter(([, times]) => times > 1).map(([id]) => id)
  const ids = [...held.keys()]
  const lacking = less(expected, sumOf(ids))
  const nowhere = isVouchedFor ? ids.filter((id) => !others.has(id)) : []
  const elsewhere = [...others].filter((id) => !held.has(id))
  for (const [missing, unknown] of [
    [[], []],
    [elsewhere, []],
    [[], nowhere],
    [elsewhere, nowhere],
  ] as const) {
    if (isSame(less(sumOf(missing), sumOf(unknown)), lacking))
      return { missing, doubled, unknown, unnamedMissing: 0, unnamedUnknown: 0 }
  }
  const none = { missing: [], doubled, unknown: [], unnamedMissing: 0, unnamedUnknown: 0 }
  const few = lacking.records > 0 ? findFew(elsewhere, lacking) : findFew(ids, less(nothing, lacking))
  if (few) return lacking.records > 0 ? { ...none, missing: few } : { ...none, unknown: few }
  const least = lacking.records === 0 ? 1 : 0 // as many, but not the same: at least one is another
  return {
    ...none,
    unnamedMissing: Math.max(lacking.records, least),
    unnamedUnknown: Math.max(-lacking.records, least),
  }
}

const nothing: Sum = { records: 0, idSum: 0 }

export function sumOf(ids: Iterable<string>): Sum {
  let records = 0
  let idSum = 0
  for (const id of ids) {
    records++
    idSum = (idSum + idSumOf(id)) % idSumModulus
  }
  return { records, idSum }
}

export function less(a: Sum, b: Sum): Sum {
  return { records: a.records - b.records, idSum: (a.idSum - b.idSum + idSumModulus) % idSumModulus }
}

export function isSame(a: Sum, b: Sum): boolean {
  return a.records === b.records && a.idSum === b.idSum
}

/** One id or two of so many that add up to the sum: where others have more than was delivered here, as with a filter, the sum still tells which are meant. */
function findFew(ids: readonly string[], { records, idSum }: Sum): readonly string[] | undefined {
  if (records === 1) {
    const found = ids.find((id) => idSumOf(id) === idSum)
    return found === undefined ? undefined : [found]
  }
  if (records !== 2) return undefined
  const bySum = new Map<number, string>()
  for (const id of ids) {
    const own = idSumOf(id)
    const partner = bySum.get((idSum - own + idSumModulus) % idSumModulus)
    if (partner !== undefined) return [partner, id]
    bySum.set(own, id)
  }
  return undefined
}
