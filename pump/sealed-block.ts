import type { Seal } from '../buffer/buffer.ts'
import type { RequestRecord } from '../record/fields.ts'
import type { Block } from '../sinks/sink.ts'
import type { Draft } from './draft.ts'

/** Where a block comes from, and whether it may have been sent before. */
export interface BlockOrigin {
  readonly shard: string
  readonly incarnation: string
  readonly repeated: boolean
}

/** A sealed draft as a sink sees it for one attempt. */
export class SealedBlock implements Block {
  readonly token: string
  readonly shard: string
  readonly incarnation: string
  readonly repeated: boolean
  readonly seq: number
  readonly endSeq: number
  readonly appendedAtMs: number
  readonly #draft: Draft
  #records: readonly RequestRecord[] | undefined

  constructor(seal: Seal, draft: Draft, { shard, incarnation, repeated }: BlockOrigin) {
    this.token = seal.token
    this.shard = shard
    this.incarnation = incarnation
    this.repeated = repeated
    this.seq = seal.from.offset + seal.from.index
    this.endSeq = seal.to.offset + seal.to.index
    this.appendedAtMs = draft.appendedAtMs
    this.#draft = draft
  }

  get records(): readonly RequestRecord[] {
    this.#records ??= [...this.#draft.records()]
    return this.#records
  }

  each(): Iterable<RequestRecord> {
    return this.#records ?? this.#draft.records()
  }
}
