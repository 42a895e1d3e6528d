import { setTimeout as wait } from 'node:timers/promises'

export interface UntilOptions {
  /** Named in the error when time runs out. */
  what?: string
  timeoutMs?: number
  everyMs?: number
}

type Truthy<T> = Exclude<T, false | null | undefined | 0 | ''>

/** Asks `condition` again and again; resolves with its first truthy answer. An error counts as "not yet" and is the cause when time runs out. */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what = 'the condition', timeoutMs = 10_000, everyMs = 10 }: UntilOptions = {},
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeoutMs
  let cause: unknown
  do {
    try {
      const answer = await condition()
      if (answer) return answer as Truthy<T> // checked just now
      cause = undefined
    } catch (error) {
      cause = error
    }
    await wait(everyMs)
  } while (performance.now() < deadline)
  throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`, { cause })
}
