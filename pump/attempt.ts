import { backoff } from '../runtime/backoff.ts'
import type { Log } from '../runtime/log.ts'
import { traced } from '../runtime/telemetry.ts'
import { orAborted, wait } from '../runtime/wait.ts'
import { type Block, HaltError, RejectedError, RetryableError, type Sink, type Written } from '../sinks/sink.ts'
import type { AttemptObserver } from './observer.ts'
import { DeathError } from './trial.ts'

/** What became of a block: the backend has it, or records of it are at fault, or it ended the process that tried it. */
export type Attempted = { readonly block: Block } & (
  | { readonly outcome: 'stored'; readonly written: Written | undefined }
  | { readonly outcome: 'rejected'; readonly rejection: RejectedError }
  | { readonly outcome: 'died'; readonly death: DeathError }
)

export interface AttemptOptions {
  /** The sink's name in the config. */
  readonly name: string
  readonly sink: Pick<Sink, 'write'>
  /** Whether the block turned out to hold nothing that can be decoded: then there is nothing that a backend could take. */
  readonly isEmpty: () => boolean
  readonly signal: AbortSignal
  /** Longest that one write may take. */
  readonly writeTimeoutMs: number
  /** How often a halted sink is tried again. */
  readonly haltedRetryMs: number
  readonly log: Log
  readonly observer: AttemptObserver
}

/** An unknown error may be passing trouble; after this many in a row it is treated as the operator's matter. */
const unknownAttempts = 5

/** 30 s: as the longest wait of ours. A backend may ask for hours, and would then be late by hours once it is mended. */
const longestWaitMs = 30_000

/** 1 s: a sink that heeds its signal ends within moments. */
const abandonAfterMs = 1000

/** Writes one block until the backend has it or says that records are at fault: for ever, unless the signal is aborted. */
export async function attempt(toBlock: (again: boolean) => Block, options: AttemptOptions): Promise<Attempted> {
  const { name, signal, observer } = options
  let unknownInARow = 0
  for (let tries = 0; ; tries++) {
    const startedAt = performance.now()
    const block = toBlock(tries > 0)
    try {
      const facts = { 'penstock.sink': name, 'penstock.shard': block.shard, 'penstock.block': block.token }
      const written = await traced('write block', facts, () => write(block, options))
      observer.onWrite((performance.now() - startedAt) / 1000)
      observer.onState('running')
      return { block, outcome: 'stored', written }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof DeathError) return { block, outcome: 'died', death: error }
      if (options.isEmpty()) return { block, outcome: 'stored', written: undefined }
      if (error instanceof RejectedError) {
        observer.onError('reject')
        observer.onState('running')
        return { block, outcome: 'rejected', rejection: error }
      }
      unknownInARow = isKnown(error) ? 0 : unknownInARow + 1
      if (error instanceof HaltError || unknownInARow >= unknownAttempts) {
        await halt(error, 'Sink is halted until this is mended; its records wait in the log.', options)
      } else {
        await pause(error, tries, options)
      }
    }
  }
}

/** One write, aborted when it takes too long: a backend that hangs is one that cannot take it now. */
async function write(block: Block, options: AttemptOptions): Promise<Written | undefined> {
  const { sink, signal, writeTimeoutMs } = options
  const deadline = new AbortController()
  const timer = setTimeout(
    () => deadline.abort(new RetryableError(`The write was ended after ${writeTimeoutMs} ms (writeTimeoutMs).`)),
    writeTimeoutMs,
  )
  try {
    return await orAbandoned(sink.write(block, AbortSignal.any([signal, deadline.signal])), options)
  } catch (error) {
    // What a driver makes of an abort says less than its reason.
    const saysMore = error instanceof HaltError || error instanceof RejectedError || error instanceof DeathError
    throw deadline.signal.aborted && !saysMore ? deadline.signal.reason : error
  } finally {
    clearTimeout(timer)
  }
}

/** As the write ends; but when the pump stops or has lost the shard, a sink that does not heed that is waited for no longer than a second. */
async function orAbandoned<T>(writing: Promise<T>, { signal, log }: AttemptOptions): Promise<T> {
  const abandoned = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const start = () => {
    timer = setTimeout(() => abandoned.abort(signal.reason), abandonAfterMs)
  }
  if (signal.aborted) start()
  signal.addEventListener('abort', start, { once: true })
  try {
    return await orAborted(writing, abandoned.signal)
  } finally {
    signal.removeEventListener('abort', start)
    clearTimeout(timer)
    if (abandoned.signal.aborted)
      log('error', 'Sink went on with a write that was aborted, and was left behind; the block stays sealed.', {})
  }
}

/** Shows the operator that the sink is halted and why, and waits until it is time to see whether it was mended. */
export async function halt(
  error: unknown,
  sentence: string,
  options: Pick<AttemptOptions, 'signal' | 'log' | 'observer' | 'haltedRetryMs'>,
): Promise<void> {
  const { signal, log, observer, haltedRetryMs } = options
  observer.onError(error instanceof HaltError ? 'halt' : error instanceof RejectedError ? 'reject' : 'unknown')
  observer.onState('halted', toReason(error))
  log('error', sentence, { error, retryMs: haltedRetryMs })
  await wait(haltedRetryMs, signal)
}

async function pause(error: unknown, tries: number, { signal, log, observer }: AttemptOptions): Promise<void> {
  const asked = error instanceof RetryableError ? error.afterMs : undefined
  const afterMs = Math.min(asked ?? backoff(tries), longestWaitMs)
  const known = isKnown(error)
  observer.onError(known ? 'retry' : 'unknown')
  observer.onState('retrying', toReason(error))
  if (known) {
    log('warn', 'Sink did not take the block; it will be sent again.', {
      reason: toReason(error),
      tries: tries + 1,
      afterMs,
    })
  } else {
    log('error', 'Sink failed in an unknown way; the block will be sent again.', { error, tries: tries + 1, afterMs })
  }
  await wait(afterMs, signal)
}

function isKnown(error: unknown): boolean {
  return error instanceof RetryableError || error instanceof HaltError
}

function toReason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
