import type { UpstreamOptions } from '../options.ts'
import { Target } from './target.ts'

/** Every target there is, by what it was told: what a reload does not change keeps its connections and its health. */
export class Targets implements AsyncDisposable {
  readonly #targets = new Map<string, Target>()

  get(url: string, options: UpstreamOptions): Target {
    const { targets: _, ...told } = options
    const key = JSON.stringify([url, told])
    const target = this.#targets.get(key) ?? new Target(url, options)
    this.#targets.set(key, target)
    return target
  }

  /** Lets go of targets that are not among these. What is on its way to them ends first. */
  keep(targets: ReadonlySet<Target>): void {
    for (const [key, target] of this.#targets) {
      if (targets.has(target)) continue
      this.#targets.delete(key)
      void target.pool.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#targets.values()].map(({ pool }) => pool.close()))
  }
}
