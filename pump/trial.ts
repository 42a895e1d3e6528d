import type { DeadLetter, RetryBatch, Seal } from '../buffer/buffer.ts'
import type { Block, Written } from '../sinks/sink.ts'
import { Draft, type Span, toDeadLetter } from './draft.ts'
import { FrameCache } from './frame-cache.ts'
import { RetryBlock } from './retry-block.ts'
import { SealedBlock } from './sealed-block.ts'
import type { Shapes } from './shape/shape.ts'

/** 3: one unclean end may be chance, and two bad luck. From then on a block that was sealed all along is tried before it is sent. */
export const suspectedAfterDeaths = 3

/** What a dead letter says that ended the process which tried it. */
export const deadlyReason = 'It ended the process that tried to deliver it.'

/** A block in a form that another process can be told. */
export interface TrialJob {
  readonly shard: string
  readonly incarnation: string
  /** The sink's own state of the shard, as settled. */
  readonly state: ReadonlyMap<string, Uint8Array>
  readonly content:
    | { readonly kind: 'sealed'; readonly seal: Seal; readonly spans: readonly Span[] }
    | { readonly kind: 'retried'; readonly batch: RetryBatch; readonly token: string }
}

/** Writes blocks in a process of their own, so that one that ends its process harms nobody. */
export interface Trial {
  /** Whether what went well is stored. Otherwise it was stored nowhere that counts, and has still to be written. */
  readonly stores: boolean
  /** As a sink's `write`. Throws DeathError where the process ended over the block, HaltError where there could be none. */
  write(job: TrialJob, signal: AbortSignal): Promise<Written | undefined>
}

/** The process that tried a block has ended over it. */
export class DeathError extends Error {
  override readonly name = 'DeathError'
  /** The only record of the block, where it could be decoded at all. */
  readonly letter: DeadLetter | undefined
  constructor(how: string, letter?: DeadLetter) {
    super(`The process that tried the block has ended: ${how}.`)
    this.letter = letter
  }
}

/** The block of a job, in the process that tries it. */
export function toTrialBlock({ shard, incarnation, content }: TrialJob, shapes: Pick<Shapes, 'sealed'>): Block {
  if (content.kind === 'retried') return new RetryBlock(content.batch, { shard, incarnation, token: content.token })
  const { seal, spans } = content
  const cache = new FrameCache(0)
  const draft = new Draft(seal.from, (frame) => cache.entries(shard, frame), shapes.sealed(seal.shape))
  for (const { frame, start, end } of spans) draft.add(frame, start, end)
  return new SealedBlock(seal, draft, { shard, incarnation, repeated: true })
}

/** What the letter of a block's only record would be; undefined where there are several, or the only one cannot be decoded. */
export function toOnlyLetter({ content }: TrialJob, block: Block): DeadLetter | undefined {
  if (content.kind === 'retried' || content.spans.reduce((size, { start, end }) => size + end - start, 0) !== 1)
    return undefined
  const [record] = block.each()
  return record && toDeadLetter(record, deadlyReason)
}
