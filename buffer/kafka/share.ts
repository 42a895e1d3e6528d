import { claimsKey } from './keys.ts'
import type { Shard } from './shard.ts'
import { put } from './stored.ts'

/** 1 s: how often claims are looked for. */
const lookEveryMs = 1000
/** 2 s: how often a claim is repeated while it stands. */
const claimEveryMs = 2000
/** 7 s: who has repeated its claim for so long no more has died, or has enough. */
const claimLastsMs = 7000

/**
 * How the shards of a sink are spread over the processes that deliver it. Who has at least two less than another says so; who has the
 * most then leaves its last shard to the one with the least, and so on until they differ by one at most.
 */
export class Share {
  readonly #shards: readonly Shard[]
  readonly #claimedAtMs = new Map<string, number>()
  /** Since when a claim was not repeated, by the clock of this process. */
  readonly #quiet = new Map<string, { readonly beat: number; readonly sinceMs: number }>()
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(shards: readonly Shard[]) {
    this.#shards = shards
  }

  /** Of an owner that did not get a shard: says that it wants one, where another has at least two more. */
  async claim(sink: string, owner: string): Promise<void> {
    const counts = this.#counts(sink)
    const mine = counts.get(owner) ?? 0
    if (Math.max(0, ...counts.values()) - mine < 2) return
    if (performance.now() - (this.#claimedAtMs.get(sink) ?? Number.NEGATIVE_INFINITY) < claimEveryMs) return
    this.#claimedAtMs.set(sink, performance.now())
    const first = this.#first
    await first.ofClaims(sink).change(() => {
      const living = this.#living(sink)
      const beats = { ...Object.fromEntries(living), [owner]: (living.get(owner) ?? 0) + 1 }
      return { messages: [put(first.state, claimsKey(sink), { kind: 'claims', beats })], result: undefined }
    })
  }

  /** To whom the owner of a shard should leave it; undefined where it should keep it. */
  async heir(sink: string, shard: Shard, owner: string): Promise<string | undefined> {
    if (performance.now() - this.#lookedAtMs > lookEveryMs) {
      this.#lookedAtMs = performance.now()
      await this.#first.state.refresh()
    }
    const counts = this.#counts(sink)
    const claims = [...this.#living(sink).keys()].filter((other) => other !== owner)
    const [poorest] = claims.sort((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0))
    if (poorest === undefined || (counts.get(owner) ?? 0) - (counts.get(poorest) ?? 0) < 2) return undefined
    const last = this.#shards.findLast((one) => isHeldBy(one, sink, owner))
    return last === shard ? poorest : undefined
  }

  /** Whoever wants more, with the beat of the claim. */
  #living(sink: string): Map<string, number> {
    const value = this.#first.state.get(claimsKey(sink))
    const beats = Object.entries(value?.kind === 'claims' ? value.beats : {})
    return new Map(beats.filter(([owner, beat]) => this.#isLiving(`${sink}/${owner}`, beat)))
  }

  #isLiving(claim: string, beat: number): boolean {
    const seen = this.#quiet.get(claim)
    if (seen?.beat === beat) return performance.now() - seen.sinceMs < claimLastsMs
    this.#quiet.set(claim, { beat, sinceMs: performance.now() })
    return true
  }

  /** How many shards of a sink each process has. */
  #counts(sink: string): Map<string, number> {
    const counts = new Map<string, number>()
    for (const shard of this.#shards) {
      const record = shard.sink(sink)
      if (record && !record.isReleased) counts.set(record.owner, (counts.get(record.owner) ?? 0) + 1)
    }
    return counts
  }

  get #first(): Shard {
    return this.#shards[0]! // there is at least one
  }
}

function isHeldBy(shard: Shard, sink: string, owner: string): boolean {
  const record = shard.sink(sink)
  return record?.owner === owner && !record.isReleased
}
