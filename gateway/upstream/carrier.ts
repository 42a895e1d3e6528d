import type { Duplex, Readable } from 'node:stream'

/** What goes to a target. */
export interface Outgoing {
  /** With its query. */
  readonly path: string
  readonly method: string
  /** Names and values in turn; none of the hop-by-hop ones. */
  readonly headers: string[]
  readonly body: Buffer | Readable | null
  /** The protocol that the connection is to change to; null where it stays with HTTP. */
  readonly upgrade: string | null
  /** The same for all requests to a target: undici takes another name as another server, and would connect again for it. */
  readonly servername: string
}

/** Of an answer's head, names and values in turn: undici gives bytes. */
export type RawHeaders = readonly (string | Buffer)[]

/** A request on its way to a target: what is sent, and who is told what becomes of it, by the callbacks of undici's dispatch. */
export interface Sendable {
  readonly options: Outgoing
  /** The connection it is on; set by the pool. */
  carrier: Carrier | undefined
  /** Given up before it was sent: the pool forgets it. */
  readonly isOver: boolean
  /** Links of the pool's queue; the pool's own. */
  next: Sendable | undefined
  queuedAtMs: number
  /** Right before its first byte is sent. `abort` gives it up, and closes the connection. */
  onConnect(abort: (error?: Error) => void): void
  /** False where the body must wait for `resume`. */
  onHeaders(status: number, raw: RawHeaders, resume: () => void): boolean
  /** False where the next must wait for the `resume` of onHeaders. */
  onData(chunk: Buffer): boolean
  onComplete(): void
  onUpgrade(status: number, raw: RawHeaders | null, socket: Duplex): void
  onError(error: Error): void
}

/** A connection to a target, which carries one request at a time. It connects when a request comes, and closes by itself when none comes for a while. */
export interface Carrier {
  /** Sends a request. In the end either its `onComplete`, `onUpgrade` or `onError` is called; `onError` also after an abort. */
  carry(request: Sendable): void
  /** Resolves when the request on it, if any, has ended, and it is closed. */
  close(): Promise<void>
  /** Closes it soon. */
  destroy(): void
}

/** Makes a carrier that is not yet connected. `onClose` is called each time its connection has closed. */
export type OpenCarrier = (onClose: () => void) => Carrier

/** The request itself cannot be sent to any target: its head would not be HTTP. */
export class UnsendableError extends Error {
  override readonly name = 'UnsendableError'
}

export function isUnsendable(error: Error): boolean {
  return error instanceof UnsendableError || ('code' in error && error.code === 'UND_ERR_INVALID_ARG')
}

/** Whether an answer that was said to have failed is whole all the same: undici misses the body that a 304 only gives the length of (RFC 9110, 15.4.5). */
export function isWhole({ status }: { readonly status: number }, error: Error): boolean {
  return status === 304 && 'code' in error && error.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
}
