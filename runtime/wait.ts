import { setTimeout as timeout } from 'node:timers/promises'

/** Resolves after `ms`; throws the signal's reason when it is aborted before. */
export async function wait(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  try {
    await timeout(ms, undefined, signal ? { signal } : {})
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}
