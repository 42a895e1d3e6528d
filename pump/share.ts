import { hash } from 'node:crypto'
import { type Attendance, type Buffer, BufferUnavailableError, LogResetError } from '../buffer/buffer.ts'
import type { Log } from '../runtime/log.ts'
import { wait } from '../runtime/wait.ts'
import type { BufferLink } from './buffer-watch.ts'

export interface ShareOptions {
  readonly buffer: Pick<Buffer, 'attend' | 'shards'>
  /** Who we are, and what we can deliver to. */
  readonly attendance: Attendance
  readonly link: BufferLink
  readonly log: Log
  /** Something may be ours that was not, or the other way round. */
  readonly onChange: () => void
}

/** 1 s: as often as leases are renewed. */
const everyMs = 1000

/** Which sinks × shards are this process's to deliver, where several pumps read one log. */
export class Share {
  readonly #options: ShareOptions
  /** By sink and shard; undefined where the log does not share its readers out this way: then all is everybody's to ask for. */
  #owners: ReadonlyMap<string, string> | undefined

  constructor(options: ShareOptions) {
    this.#options = options
    this.#owners = options.buffer.attend ? new Map() : undefined
  }

  isOurs(sink: string, shard: string): boolean {
    return this.#owners === undefined || this.#owners.get(pairOf(sink, shard)) === this.#options.attendance.owner
  }

  /** Attends until `stop` is aborted, and then says that we end, so that others may begin at once. */
  async run(stop: AbortSignal): Promise<void> {
    const { buffer, attendance, link, log, onChange } = this.#options
    if (!buffer.attend) return
    while (!stop.aborted) {
      try {
        const owners = await buffer.attend(attendance)
        link.back()
        this.#owners = shareOut(owners, buffer.shards)
        onChange()
      } catch (error) {
        // What was ours stays ours as long as its lease can be kept.
        if (error instanceof LogResetError) throw error
        if (error instanceof BufferUnavailableError) link.away(error)
        else log('warn', 'Pumps could not be counted; what each delivers stays as it is.', { error })
      }
      await wait(everyMs, stop).catch(() => {}) // seen next
    }
    await buffer.attend({ ...attendance, sinks: [] }).catch(() => {}) // they will find out by themselves
  }
}

/**
 * Gives every sink × shard to one of those who know the sink, to none more than its part, and the same in every process that sees
 * the same owners. Each pair prefers owners in an order of its own, so that most stay where they are when an owner comes or goes.
 */
export function shareOut(owners: readonly Attendance[], shards: readonly string[]): ReadonlyMap<string, string> {
  const sinks = [...new Set(owners.flatMap((owner) => owner.sinks))].sort()
  const most = Math.ceil((sinks.length * shards.length) / Math.max(1, owners.length))
  const loads = new Map(owners.map(({ owner }) => [owner, 0]))
  const given = new Map<string, string>()
  for (const shard of shards) {
    for (const sink of sinks) {
      const able = owners.filter((one) => one.sinks.includes(sink)).map(({ owner }) => owner)
      const ranked = able.map((owner) => ({ owner, load: loads.get(owner) ?? 0, rank: rankOf(owner, sink, shard) }))
      const free = ranked.filter(({ load }) => load < most)
      const [best] = free.length > 0 ? free.sort(byRank) : ranked.sort((a, b) => a.load - b.load || byRank(a, b))
      if (!best) continue
      given.set(pairOf(sink, shard), best.owner)
      loads.set(best.owner, best.load + 1)
    }
  }
  return given
}

const byRank = (a: { rank: string }, b: { rank: string }) => (a.rank < b.rank ? -1 : 1)
const rankOf = (owner: string, sink: string, shard: string) => hash('sha256', `${owner}\n${pairOf(sink, shard)}`)
const pairOf = (sink: string, shard: string) => `${sink}\n${shard}`
