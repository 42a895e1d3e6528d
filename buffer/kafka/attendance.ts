import { type Attendance, attendanceMs } from '../buffer.ts'
import { pumpKey } from './keys.ts'
import type { Shard } from './shard.ts'
import { put, type StoredPump } from './stored.ts'

/** A minute: whoever was not heard of for so long is taken off the list, which is what a killed process leaves. */
const forgetAfterMs = 60_000

/** Who delivers from this log: one key for each owner in the first shard's state. */
export class AttendanceList {
  readonly #shard: Shard
  /** Since when an owner has said nothing, by the clock of this process. */
  readonly #quiet = new Map<string, { readonly beat: number; readonly sinceMs: number }>()

  constructor(shard: Shard) {
    this.#shard = shard
  }

  /** Says that an owner lives, or with no sinks that it ends; resolves to all that live. */
  async attend({ owner, sinks }: Attendance): Promise<readonly Attendance[]> {
    const { state } = this.#shard
    await this.#write(owner, () => {
      const beat = (this.#find(owner)?.beat ?? 0) + 1
      return sinks.length > 0 ? { kind: 'pump', owner, sinks, beat } : undefined
    })
    await state.refresh()
    const heard = this.#heard()
    for (const { pump, quietMs } of heard) if (quietMs > forgetAfterMs) await this.#write(pump.owner, () => undefined)
    return heard
      .filter(({ quietMs }) => quietMs < attendanceMs)
      .map(({ pump }) => ({ owner: pump.owner, sinks: pump.sinks }))
  }

  async #write(owner: string, decide: () => StoredPump | undefined): Promise<void> {
    const { state } = this.#shard
    await this.#shard.ofPump(owner).change(() => {
      const next = decide()
      const isThere = next !== undefined || this.#find(owner) !== undefined
      return { messages: isThere ? [put(state, pumpKey(owner), next)] : [], result: undefined }
    })
  }

  #find(owner: string): StoredPump | undefined {
    const value = this.#shard.state.get(pumpKey(owner))
    return value?.kind === 'pump' ? value : undefined
  }

  /** Every owner on the list, and for how long it has said nothing. */
  #heard(): { readonly pump: StoredPump; readonly quietMs: number }[] {
    const nowMs = performance.now()
    const pumps = [...this.#shard.state.inGroup('pump')].filter((value) => value.kind === 'pump')
    for (const owner of this.#quiet.keys()) if (!pumps.some((pump) => pump.owner === owner)) this.#quiet.delete(owner)
    return pumps.map((pump) => {
      const seen = this.#quiet.get(pump.owner)
      const sinceMs = seen?.beat === pump.beat ? seen.sinceMs : nowMs
      this.#quiet.set(pump.owner, { beat: pump.beat, sinceMs })
      return { pump, quietMs: nowMs - sinceMs }
    })
  }
}
