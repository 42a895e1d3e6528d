import { BufferUnavailableError, FencedError, type Reader } from './buffer.ts'

/** 4 s: how long a dead owner's sink × shard stands still at most. */
export const leaseMs = 4000
/** 1 s: three renewals may fail before the lease ends. */
const renewEveryMs = 1000

export interface LeaseOptions {
  /** Makes the lease last `leaseMs` from now. Throws FencedError once another owner has come. */
  readonly renew: () => Promise<void>
  /** Lets the next owner take it at once, and know that this one has not died. */
  readonly release: () => Promise<void>
  /** Holds the lease until it is disposed: what closes the log lets go of all. */
  readonly among: Set<AsyncDisposable>
}

/** Keeps a lease until it is disposed, and then lets go of it. */
export interface Lease extends AsyncDisposable {
  /** Aborts when another owner has come, or may have come because the lease could not be renewed in time. */
  readonly lost: AbortSignal
}

/** Keeps the lease that was just taken. */
export function keepLease({ renew, release, among }: LeaseOptions): Lease {
  const lost = new AbortController()
  let heldSinceMs = performance.now()
  let renewing: Promise<void> | undefined

  async function tick(): Promise<void> {
    const askedAtMs = performance.now()
    try {
      await renew()
      heldSinceMs = askedAtMs
    } catch (error) {
      if (error instanceof BufferUnavailableError && performance.now() - heldSinceMs < leaseMs) return
      clearInterval(timer)
      lost.abort(
        error instanceof BufferUnavailableError
          ? new FencedError('The lease could not be renewed in time.', { cause: error })
          : error,
      )
    } finally {
      renewing = undefined
    }
  }

  const timer = setInterval(() => {
    renewing ??= tick()
  }, renewEveryMs).unref()

  const lease: Lease = {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      if (!among.delete(lease)) return
      clearInterval(timer)
      await renewing
      // A lease that cannot be released ends by itself.
      if (!lost.signal.aborted) await release().catch(() => {})
    },
  }
  among.add(lease)
  return lease
}

/** What the taking of a sink's reading end found. */
export type Taken = Pick<Reader, 'sink' | 'shard' | 'fence' | 'cursor' | 'seals' | 'state'>

/** A reader by what was taken, what may be asked of it, and the lease that it keeps until it is disposed. */
export function ownReader(taken: Taken, calls: Omit<Reader, keyof Taken | keyof Lease>, options: LeaseOptions): Reader {
  const lease = keepLease(options)
  return { ...taken, ...calls, lost: lease.lost, [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose]() }
}
