/** Names of the keys of one shard, all in one slot of a Cluster. */
export interface ShardKeys {
  readonly log: string
  readonly meta: string
  readonly producers: string
  readonly readers: string
  /** Those that every script gets first; the last of them never exists. */
  readonly common: readonly string[]
  /** Seals, state and dead letters of a sink. */
  ofSink(sink: string): readonly [seals: string, state: string, deadLetters: string]
}

export function shardKeys(prefix: string, shard: string): ShardKeys {
  const key = (name: string) => `{${prefix}:${shard}}:${name}`
  const [log, meta, producers, readers] = [key('log'), key('meta'), key('producers'), key('readers')]
  return {
    ...{ log, meta, producers, readers },
    common: [log, meta, producers, readers, key('nothing')],
    ofSink: (sink) => [key(`seals:${sink}`), key(`state:${sink}`), key(`dead:${sink}`)],
  }
}
