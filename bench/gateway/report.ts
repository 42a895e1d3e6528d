/** Something that the gateway is said to reach, and what it reached. */
export interface Claim {
  readonly what: string
  readonly measured: number
  readonly atMost?: number
  readonly atLeast?: number
  readonly unit: string
}

/** Prints what was claimed and what came out; a claim that was missed makes the process exit with 1. */
export function say(claims: readonly Claim[]): void {
  console.log('')
  for (const { what, measured, atMost, atLeast, unit } of claims) {
    const isHeld = measured <= (atMost ?? Number.POSITIVE_INFINITY) && measured >= (atLeast ?? Number.NEGATIVE_INFINITY)
    const limit = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`
    console.log(`${isHeld ? 'held  ' : 'MISSED'}  ${what}: ${measured.toFixed(2)} ${unit} (${limit})`)
    if (!isHeld) process.exitCode = 1
  }
}

/** The middle one, which a disturbed round does not move. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}
