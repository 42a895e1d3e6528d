import { BufferUnavailableError } from '../buffer/buffer.ts'
import { backoff } from '../runtime/backoff.ts'
import { wait } from '../runtime/wait.ts'

export interface PersistOptions {
  readonly signal: AbortSignal
  readonly onTrouble: (error: Error) => void
  readonly onRecovered: () => void
}

/** Asks the buffer again while it cannot be reached; every call of a reader may be repeated. Throws the signal's reason. */
export async function persist<T>(
  ask: () => Promise<T>,
  { signal, onTrouble, onRecovered }: PersistOptions,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted()
    try {
      const answer = await ask()
      if (tries > 0) onRecovered()
      return answer
    } catch (error) {
      if (!(error instanceof BufferUnavailableError)) throw error
      onTrouble(error)
      await wait(backoff(tries, { maxMs: 2000 }), signal)
    }
  }
}
