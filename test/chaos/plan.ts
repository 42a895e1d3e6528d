import { seeded, shuffled } from '../e2e/faults.ts'

/** Something that can be done to a part of a system, and for how long. */
export interface FaultKind {
  readonly kind: string
  /** Parts that it can be done to: one of them is chosen. A part has one fault at a time. */
  readonly targets: readonly string[]
  /** Least and most, milliseconds; 0 where it is over at once. */
  readonly forMs: readonly [number, number]
}

export interface PlannedFault {
  /** From the beginning of the traffic. */
  readonly atMs: number
  readonly kind: string
  readonly target: string
  readonly forMs: number
  /** In [0, 1): for whatever else the fault has to choose. */
  readonly choice: number
}

export interface PlanOptions {
  readonly seed: number
  readonly wholeMs: number
  readonly kinds: readonly FaultKind[]
}

/** 3 s between two beginnings in a long run; a short one is denser, so that most kinds come. */
const meanGapMs = { least: 1000, most: 3000 }
const quietMs = 2000

/**
 * Every kind once, in random order, then any again and again, for as long as there is time; at random moments. The same
 * options make the same plan.
 */
export function planFaults({ seed, wholeMs, kinds }: PlanOptions): readonly PlannedFault[] {
  const random = seeded(seed)
  const planned: PlannedFault[] = []
  const meanMs = Math.min(meanGapMs.most, Math.max(meanGapMs.least, wholeMs / (2 * kinds.length)))
  let coming: FaultKind[] = []
  for (let atMs = quietMs; atMs < wholeMs; atMs += -Math.log(1 - random()) * meanMs) {
    if (coming.length === 0) coming = shuffled(kinds, random)
    const next = coming.shift()
    if (!next) break
    const [least, most] = next.forMs
    const fault = {
      atMs: Math.round(atMs),
      kind: next.kind,
      target: next.targets[Math.floor(random() * next.targets.length)] ?? '',
      forMs: Math.round(least + random() * (most - least)),
      choice: random(),
    }
    if (fault.atMs + fault.forMs <= wholeMs) planned.push(fault)
  }
  return planned
}
