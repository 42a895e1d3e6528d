import type { Log } from '../../runtime/log.ts'
import type { UpstreamOptions } from '../options.ts'
import { watchHealth } from './health.ts'
import { Target } from './target.ts'

interface Kept {
  readonly target: Target
  readonly watch: AsyncDisposable | undefined
}

/** Every target there is, by what it was told: what a reload does not change keeps its connections and its health. */
export class Targets implements AsyncDisposable {
  readonly #kept = new Map<string, Kept>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  get(url: string, options: UpstreamOptions): Target {
    const { targets: _, ...told } = options
    const key = JSON.stringify([url, told])
    const kept = this.#kept.get(key) ?? this.#open(url, options)
    this.#kept.set(key, kept)
    return kept.target
  }

  /** Lets go of targets that are not among these. What is on its way to them ends first. */
  keep(targets: ReadonlySet<Target>): void {
    for (const [key, kept] of this.#kept) {
      if (targets.has(kept.target)) continue
      this.#kept.delete(key)
      void close(kept)
    }
  }

  #open(url: string, options: UpstreamOptions): Kept {
    const target = new Target(url, options)
    return { target, watch: options.health && watchHealth(target, { ...options, health: options.health }, this.#log) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#kept.values()].map(close))
  }
}

async function close({ target, watch }: Kept): Promise<void> {
  await watch?.[Symbol.asyncDispose]()
  await target.pool.close()
}
