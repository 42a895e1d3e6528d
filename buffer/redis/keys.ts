/** Names of the keys of one shard, all in one slot of a Cluster. */
export interface ShardKeys {
  readonly log: string
  readonly meta: string
  readonly producers: string
  readonly readers: string
  /** Those that every script gets first; the last of them never exists. */
  readonly common: readonly string[]
  /** Seals, state, dead letters, which of those are in a retry batch, why those that were retried were rejected again, and the minute ledger of a sink. */
  ofSink(sink: string): readonly string[]
}

export function shardKeys(prefix: string, shard: string): ShardKeys {
  const key = (name: string) => `{${prefix}:${shard}}:${name}`
  const [log, meta, producers, readers] = [key('log'), key('meta'), key('producers'), key('readers')]
  return {
    ...{ log, meta, producers, readers },
    common: [log, meta, producers, readers, key('nothing')],
    ofSink: (sink) => ['seals', 'state', 'dead', 'retries', 'reasons', 'minutes'].map((name) => key(`${name}:${sink}`)),
  }
}
