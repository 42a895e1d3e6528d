import type { Buffer as Log, Reader, Seal, StampedFrame } from '../../buffer/buffer.ts'
import type { MinuteSum } from '../../record/minute-sum.ts'
import type { Model, ModelSink } from './model.ts'
import type { Producer } from './scratch-log.ts'

/** A log and the model that it is compared with. */
export interface World {
  readonly log: Log
  readonly model: Model
  readonly producers: Map<string, { readonly made: Producer; readonly appended: StampedFrame[] }>
  readonly readers: Map<string, Reader>
  /** The owner before the present one. */
  readonly zombies: Map<string, Reader>
  readonly lastSettled: Map<string, Seal>
}

/** What a step is about; the shares, from 0 to 1, choose among what is there when it runs. */
export interface Choice {
  readonly producer: string
  readonly sink: string
  readonly counts: readonly number[]
  readonly startAt: 'oldest' | 'now' | 'time'
  readonly key: string
  /** A few around an hour's end, and one long past. */
  readonly minute: MinuteSum
  readonly one: number
  readonly other: number
}

export type Step = (world: World, choice: Choice) => Promise<void>

/** A step of the one who owns a sink. */
export type OwnerStep = (
  owned: World & { readonly name: string; readonly reader: Reader; readonly sink: ModelSink },
  choice: Choice,
) => Promise<void>

/** The whole number that lies a share of the way from `low` to `high`. */
export function between(low: number, high: number, share: number): number {
  return low + Math.floor(share * (high - low + 1) * 0.999_999)
}

/** The time at which some frame that is held was appended, or now. */
export function someTime({ frames }: Model, share: number): number {
  const held = frames.filter(({ trimmed }) => !trimmed)
  return held[between(0, held.length, share)]?.appendedAtMs ?? Date.now()
}
