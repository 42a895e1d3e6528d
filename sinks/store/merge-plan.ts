import type { StoredFile } from './manifest.ts'

/** 8: merging eights writes a record once more for each power of eight between its block and a file of full size. */
const fanIn = 8
/** 8,192 rows: opening a file of this size is cheap beside reading it, so it is left alone while its hour goes on; a full block has more. */
const openHourRows = 8192

/**
 * The files of an hour that still goes on that are worth making one: eight or more of a size, the smallest size first.
 * So a query meets fewer than eight files of each size, and no record is written more than a few times.
 */
export function mergeOfOpenHour(files: readonly StoredFile[], maxBoundBytes: number): readonly StoredFile[] {
  const small = files.filter((file) => file.rows < openHourRows && file.boundBytes <= maxBoundBytes / 2)
  const sizes = Map.groupBy(small, ({ rows }) => Math.floor(Math.log2(rows) / 3))
  const crowded = [...sizes].sort(([a], [b]) => a - b).find(([, group]) => group.length >= fanIn)
  return crowded ? fitting(crowded[1], maxBoundBytes) : []
}

/** The files of an hour that is over that are worth making one: any two that fit. */
export function mergeOfClosedHour(files: readonly StoredFile[], maxBoundBytes: number): readonly StoredFile[] {
  const group = fitting(
    files.filter((file) => file.boundBytes <= maxBoundBytes / 2),
    maxBoundBytes,
  )
  return group.length > 1 ? group : []
}

/** The smallest files, as many as stay below the bound together. */
function fitting(files: readonly StoredFile[], maxBoundBytes: number): StoredFile[] {
  let left = maxBoundBytes
  return files
    .toSorted((a, b) => a.boundBytes - b.boundBytes)
    .filter(({ boundBytes }) => {
      left -= boundBytes
      return left >= 0
    })
}
