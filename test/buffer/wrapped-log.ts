import type { Buffer as Log } from '../../buffer/buffer.ts'

/** A log with some calls in place of its own. Disposing it leaves the real one open. */
export function wrappedLog(log: Log, calls: Partial<Log>): Log {
  return {
    incarnation: log.incarnation,
    shards: log.shards,
    writer: () => log.writer(),
    reader: (options) => log.reader(options),
    ...(log.attend ? { attend: (attendance) => log.attend!(attendance) } : {}), // it is there
    inspect: () => log.inspect(),
    trim: (options) => log.trim(options),
    retire: (sink) => log.retire(sink),
    deadLetters: (sink, page) => log.deadLetters(sink, page),
    dropDeadLetters: (sink, ids) => log.dropDeadLetters(sink, ids),
    retryDeadLetters: (sink, ids) => log.retryDeadLetters(sink, ids),
    minutes: (sink, range) => log.minutes(sink, range),
    peek: (shard, from, options) => log.peek(shard, from, options),
    end: (shard) => log.end(shard),
    async [Symbol.asyncDispose]() {},
    ...calls,
  }
}
