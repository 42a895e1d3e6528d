import type { buffers } from './index.ts'
import type { ProducerBoot } from './mend.ts'
import type { CutFrame } from './ring.ts'
import type { SqliteBufferOptions } from './sqlite/sqlite.ts'

/** The local buffer, as plain data for the thread that opens it. */
export type LocalOptions = Pick<SqliteBufferOptions, 'dir' | 'maxBytes' | 'reserveBytes'>

/** The shared buffer, as plain data for the thread that opens it. */
export interface RemoteOptions {
  readonly type: keyof typeof buffers
  /** As the buffer's own schema gives them. */
  readonly options: object
  readonly dataDir: string
}

export interface SpoolData {
  readonly local: LocalOptions
  readonly remote: RemoteOptions | undefined
  /** How long frames that were forwarded stay in the local buffer. */
  readonly keepMs: number
  /** Whose frames the thread stamps: of the first start, where this one follows a crash. */
  readonly producer: ProducerBoot | undefined
}

export type ToSpool =
  | { readonly kind: 'append'; readonly frames: readonly CutFrame[] }
  | { readonly kind: 'close'; readonly forwardMs: number }

export type FromSpool =
  /** The first message. What earlier boots left is known from the start, where the local buffer says it. */
  | { readonly kind: 'ready'; readonly producer: ProducerBoot; readonly report: SpoolReport | undefined }
  | { readonly kind: 'appended'; readonly throughSeq: number }
  | { readonly kind: 'report'; readonly report: SpoolReport }

/** What the thread says of the local buffer and of forwarding. */
export interface SpoolReport {
  /** Records moved into the shared buffer. */
  readonly forwarded: number
  /** Records passed over there, because the local buffer no longer has them. */
  readonly skipped: number
  readonly spoolBytes: number
  /** Records not yet forwarded. */
  readonly spoolBacklog: number
}
