import type { DeadLetter } from '../../buffer/buffer.ts'
import type { TrialJob } from '../../pump/trial.ts'
import { HaltError, RejectedError, RetryableError, type Written } from '../../sinks/sink.ts'

/*
  What passes between the pump and the process that tries a block

    pump                          trial
      ── Assignment ────────────►   opens the sink
      ◄───────────── opened ─────   from here on its end is the block's doing
      ◄───────────── letter ─────   where the block is one record that can be decoded
      ◄───── stored | failed ────   and ends by itself
*/

/** Everything that the process needs to know. */
export interface Assignment {
  /** Type of the sink, its name in the config, and its options as they are to be used here. */
  readonly type: string
  readonly name: string
  readonly options: object
  /** Keys of the hashes in the shape that the block was sealed under. */
  readonly hashKeys: readonly string[]
  readonly dataDir: string
  readonly job: TrialJob
}

export type Report =
  | { readonly kind: 'opened' }
  | { readonly kind: 'letter'; readonly letter: DeadLetter }
  | { readonly kind: 'stored'; readonly written: Written | undefined }
  | { readonly kind: 'failed'; readonly failure: Failure }

/** An error of a sink on its way between processes, which keep no classes. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly afterMs?: number | undefined
  readonly indexes?: readonly number[] | undefined
  readonly othersStored?: boolean
}

export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined }
  const { name, message, stack } = error
  if (error instanceof RetryableError) return { name, message, stack, afterMs: error.afterMs }
  if (error instanceof RejectedError)
    return { name, message, stack, indexes: error.indexes, othersStored: error.othersStored }
  return { name, message, stack }
}

/** The error that a failure was, with the other process's stack as its cause's. */
export function fromFailure({ name, message, stack, afterMs, indexes, othersStored = false }: Failure): Error {
  const cause = new Error(message)
  if (stack !== undefined) cause.stack = stack
  if (name === 'RetryableError') return new RetryableError(message, { cause, ...(afterMs ? { afterMs } : {}) })
  if (name === 'RejectedError')
    return new RejectedError(message, { cause, othersStored, ...(indexes ? { indexes } : {}) })
  if (name === 'HaltError') return new HaltError(message, { cause })
  return cause
}
