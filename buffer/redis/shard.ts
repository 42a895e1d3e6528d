import { BufferFullError, BufferUnavailableError, FencedError, GapError, LogResetError } from '../buffer.ts'
import type { Connection } from './connection.ts'
import type { ShardKeys } from './keys.ts'
import { type Argument, evaluate, type Reply, type ScriptName, toNumber, toText } from './script.ts'

export interface ShardOptions {
  readonly name: string
  readonly keys: ShardKeys
  readonly connection: Connection
  /** The log that was opened: scripts compare it with the one that is there. */
  readonly incarnation: string
  readonly waitReplicas: number
  readonly waitTimeoutMs: number
  /** Whether consumer groups can say how many entries were read: from Redis 7. */
  readonly hasLag: boolean
}

/** One shard of an opened log. */
export class Shard {
  readonly name: string
  readonly keys: ShardKeys
  readonly connection: Connection
  readonly incarnation: string
  readonly hasLag: string
  readonly #options: ShardOptions

  constructor(options: ShardOptions) {
    this.#options = options
    this.name = options.name
    this.keys = options.keys
    this.connection = options.connection
    this.incarnation = options.incarnation
    this.hasLag = options.hasLag ? '1' : '0'
  }

  /** Runs a script, for a sink with its keys. Resolves to its status, `ok` or one that the caller must know, and what came with it. */
  async run(script: ScriptName, args: readonly Argument[], sink?: string): Promise<readonly [string, ...Reply[]]> {
    const keys = [...this.keys.common, ...(sink === undefined ? [] : this.keys.ofSink(sink))]
    const reply = await this.connection.ask((client) => evaluate(client, script, keys, [this.incarnation, ...args]))
    const [status, ...rest] = [toText(reply[0]), ...reply.slice(1)] as const
    switch (status) {
      case 'reset':
        throw this.resetError()
      case 'lost':
        throw new LogResetError(`Redis knows the sink ${sink}, but its place in shard ${this.name} is gone.`)
      case 'fenced':
        throw fencedError(sink, toText(rest[0]))
      case 'gap':
        throw new GapError(toNumber(rest[0]), toNumber(rest[1]))
      case 'full':
        throw new BufferFullError(
          `Shard ${this.name} in Redis holds ${toText(rest[0])} of at most ${toText(rest[1])} bytes.`,
        )
      default:
        return [status, ...rest]
    }
  }

  /** Resolves once as many replicas as wanted have all that this connection has written. */
  async replicated(): Promise<void> {
    const { waitReplicas, waitTimeoutMs, keys } = this.#options
    if (waitReplicas === 0) return
    const replicas = await this.connection.ask(async (client) => {
      // The first command leads to the node of the shard, where a WAIT by itself would go to any.
      const results = await client.pipeline().exists(keys.meta).wait(waitReplicas, waitTimeoutMs).exec()
      const [error, reached] = results?.[1] ?? []
      if (error) throw error
      return Number(reached)
    })
    if (replicas < waitReplicas)
      throw new BufferUnavailableError(
        `${replicas} of the ${waitReplicas} replicas wanted have shard ${this.name} within ${waitTimeoutMs} ms.`,
      )
  }

  resetError(): LogResetError {
    return new LogResetError(
      `Shard ${this.name} in Redis is not the log that was opened: it was flushed, or a key of it was deleted.`,
    )
  }
}

export function fencedError(sink: string | undefined, owner: string | null | undefined): FencedError {
  return new FencedError(`${sink} was ${owner ? `taken by ${owner}` : 'retired'}.`)
}
