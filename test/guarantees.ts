/** A test that shows something: its name, or the part of it that is alike in all files that run it. */
export interface Proof {
  readonly test: string
  readonly files: readonly string[]
}

/** Something that goes wrong, what we promise then, and what shows it. */
export interface Guarantee {
  readonly event: string
  readonly promise: string
  readonly lost: string
  readonly twice: string
  readonly proofs: readonly Proof[]
  /** Faults of `npm run chaos` that are this event. */
  readonly chaos?: readonly string[]
  /** A scenario of `npm run chaos` that measures it. */
  readonly scenario?: 'sink-down' | 'buffer-down' | 'two-pumps'
}

const buffers = ['test/buffer/sqlite.test.ts', 'test/buffer/redis.test.ts', 'test/buffer/kafka.test.ts']
const servers = ['test/sinks/clickhouse.test.ts', 'test/sinks/mongo.test.ts', 'test/sinks/otlp.test.ts']
const sinks = [...servers, 'test/sinks/store.test.ts', 'test/sinks/file.test.ts', 'test/sinks/prometheus.test.ts']

const proof = (test: string, ...files: readonly string[]): Proof => ({ test, files })

/** Everything that we promise, with the tests that would fail if it were not so. */
export const guarantees: readonly Guarantee[] = [
  {
    event: 'gateway killed (SIGKILL)',
    promise: 'what is in the local log is delivered after the next start',
    lost: 'at most the ring: 50 ms and one commit',
    twice: 'none',
    proofs: [
      proof(
        'a killed process loses nothing that was acknowledged, and the next one goes on',
        'test/buffer/recorder.test.ts',
      ),
      proof(
        'what a killed process left in its spool is forwarded by the next one',
        'test/buffer/forward-redis.test.ts',
      ),
      proof(
        'pump, gateway and Redis die while calls are made, and every sink holds every record once',
        'test/e2e/kills.test.ts',
      ),
    ],
    chaos: ['producer killed'],
  },
  {
    event: 'gateway stopped (SIGTERM)',
    promise: 'takes nothing new, ends its requests, makes the ring durable, forwards what it can',
    lost: 'none while the data folder stays',
    twice: 'none',
    proofs: [
      proof('a shutdown lets what is in flight end, and takes nothing new', 'test/gateway/lifetime.test.ts'),
      proof(
        'disposing makes everything durable, in order, and later records are refused',
        'test/buffer/recorder.test.ts',
      ),
      proof(
        'with a shared log the records go there, and the end waits for the last ones',
        'test/buffer/recorder.test.ts',
      ),
    ],
    chaos: ['producer stopped'],
  },
  {
    event: 'reply to an append lost',
    promise: 'the repeat is recognised by producer, boot and seq',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof('an append that is repeated, in whole or in part, adds nothing twice', ...buffers),
      proof(
        'an append whose answer was lost is repeated with the same seq, and leaves nothing twice',
        'test/buffer/spool.test.ts',
      ),
      proof('an append whose answer was lost is repeated and leaves nothing twice', 'test/buffer/forward.test.ts'),
    ],
    chaos: ['replies lost', 'connections cut', 'connections reset'],
  },
  {
    event: 'power loss',
    promise:
      'the local log commits with synchronous=full; a shared one as it is set to, and start refuses a volatile Redis',
    lost: 'none from the local log',
    twice: 'none',
    proofs: [
      proof('the local log waits for the disk with every commit', 'test/faults/power-loss.test.ts'),
      proof(
        'what an append has acknowledged is in the files of the moment, without the log being closed',
        'test/faults/power-loss.test.ts',
      ),
      proof(
        'Redis that may evict keys or forgets them in a restart is refused with what to set',
        'test/buffer/redis-server.test.ts',
      ),
    ],
  },
  {
    event: 'pump killed: after reading, sealing, sending, or the sink’s answer',
    promise: 'the next owner sends the same sealed block again',
    lost: 'none',
    twice: 'none; in OTLP at most the blocks on their way',
    proofs: [
      proof('a crash at any call loses nothing and stores nothing twice', 'test/pump/crash.test.ts'),
      proof('a block that is sent again by the next process', ...sinks),
      proof('seals outlive their owner and come back as they were, oldest first', ...buffers),
    ],
    chaos: ['pump killed', 'pump stopped'],
  },
  {
    event: 'Redis or Kafka down for minutes',
    promise: 'gateways spool, pumps wait, all drains in order; requests are not touched',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof(
        'while Redis is dead and comes back the spool drains into it, in order and once',
        'test/buffer/forward-redis.test.ts',
      ),
      proof(
        'while the shared log cannot be reached records wait, and then drain in order, said once',
        'test/buffer/forward.test.ts',
      ),
      proof('a log that cannot be reached at the start is waited for', 'test/pump/pump.test.ts'),
      proof(
        'a Redis that is killed in mid-traffic and comes back has all that it acknowledged, and both ends go on',
        'test/buffer/redis-faults.test.ts',
      ),
      proof(
        'a broker that is killed in mid-traffic and comes back has all that it acknowledged, and both ends go on',
        'test/buffer/kafka-faults.test.ts',
      ),
    ],
    chaos: ['server killed', 'server stopped', 'server paused'],
    scenario: 'buffer-down',
  },
  {
    event: 'Redis failed over to a replica without the tail',
    promise: 'the forwarder learns the surviving seq and appends the rest again',
    lost: 'none while the spool keeps what the replica lacks (10 minutes)',
    twice: 'none in record sinks; in block sinks at most the blocks on their way',
    proofs: [
      proof(
        'a replica that was promoted without the tail gets it out of the spool',
        'test/buffer/forward-redis.test.ts',
      ),
      proof(
        'a log that lost its tail tells writers where to go on, and readers that it is not what they read',
        'test/buffer/redis-reset.test.ts',
      ),
      proof(
        'a shared log that lost its tail is mended out of the spool, also where nothing new comes',
        'test/buffer/mend.test.ts',
      ),
      proof('an append and a seal count only once the wanted replicas have them', 'test/buffer/redis-server.test.ts'),
    ],
  },
  {
    event: 'FLUSHALL, a key deleted, topics made anew',
    promise:
      'noticed by every call; the log begins anew, the spool appends what it keeps, the rest is counted as skipped',
    lost: 'what the spool no longer keeps, counted',
    twice: 'none in record sinks; in block sinks at most what the spool kept',
    proofs: [
      proof(
        'after FLUSHALL what the spool keeps is there again, and what it no longer has is counted',
        'test/buffer/forward-redis.test.ts',
      ),
      proof(
        'was deleted is no log any more: every call says so, and the next to open it begins anew and says that',
        'test/buffer/redis-reset.test.ts',
      ),
      proof('a known sink whose place is gone is not started anew', 'test/buffer/redis-reset.test.ts'),
      proof(
        'topics that are made anew are another log, and nobody goes on in it by itself',
        'test/buffer/kafka-faults.test.ts',
      ),
      proof(
        'a position that is gone halts its sink; a new one begins behind what is gone',
        'test/buffer/kafka-faults.test.ts',
      ),
    ],
  },
  {
    event: 'Redis at maxmemory',
    promise: 'appends stop before; settles, trims and leases succeed and make room',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof(
        'at maxmemory appends are refused, while seals, settles, retries, eviction, leases and trimming succeed and make room',
        'test/buffer/redis-server.test.ts',
      ),
      proof('a full shared log is waited for', 'test/buffer/forward.test.ts'),
    ],
  },
  {
    event: 'a sink down for long',
    promise:
      'no other sink notices; its backlog waits in the log; at 95 % of the log its oldest records are given up for it alone, unless it is held for ever',
    lost: 'none; what is given up is counted',
    twice: 'none',
    proofs: [
      proof(
        'a block that was not taken is sent again as it was, and other sinks do not wait for it',
        'test/pump/pump.test.ts',
      ),
      proof(
        'a sink that fills the buffer gives up its oldest records, once, counted and for itself alone',
        'test/pump/evict.test.ts',
      ),
      proof(
        'a sink that is held for ever gives nothing up, though the buffer is nearly full',
        'test/pump/evict.test.ts',
      ),
      proof('a sink opens while its server is down, and delivers once it is up', ...servers),
    ],
    chaos: ['connections refused', 'connections hang', 'replies late'],
    scenario: 'sink-down',
  },
  {
    event: 'a sink that hangs, resets, or answers garbage',
    promise: 'the block is sent again; what only an operator can mend halts this sink alone',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof('the block is sent again, and stored once the fault is over', ...servers),
      proof(', and the block is stored once it is over', 'test/sinks/clickhouse.test.ts', 'test/sinks/otlp.test.ts'),
      proof(
        'a server that speaks another protocol is told from ours, and the block is stored by the right one',
        'test/sinks/mongo.test.ts',
      ),
    ],
    chaos: ['connections hang', 'connections reset', 'connections cut'],
  },
  {
    event: 'poison record',
    promise: 'isolated by durable splits, dead-lettered in the settle; its neighbours are delivered',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof(
        'a record at fault is isolated by halving, and its neighbours are delivered once',
        'test/pump/pump.test.ts',
      ),
      proof('records that the backend names are cut out without guessing', 'test/pump/pump.test.ts'),
      proof(
        'a settle moves the cursor, counts, keeps dead letters and state, and drops the seal, together and once',
        ...buffers,
      ),
    ],
    chaos: ['poison records'],
  },
  {
    event: 'a record that ends the process',
    promise: 'after 3 unclean deaths the block is tried in processes of its own until the record is alone',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof(
        'a record that ends the process is found by processes of their own and becomes a dead letter; nothing is lost or doubled',
        'test/cli/trial.test.ts',
      ),
      proof('a seal counts the owners that ended without letting go; those that let go are not counted', ...buffers),
    ],
  },
  {
    event: 'wrong password, dropped table',
    promise: 'that sink halts, keeps its log, and goes on by itself when mended',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof('a halted sink is named, keeps its log, and goes on by itself when mended', 'test/pump/pump.test.ts'),
      proof('a wrong password halts the sink, and is told nowhere', 'test/sinks/clickhouse.test.ts'),
      proof('a dropped table halts the sink, which goes on once it is back', 'test/sinks/clickhouse.test.ts'),
      proof('a refused login halts the sink, and the password is in no message', 'test/sinks/mongo.test.ts'),
    ],
  },
  {
    event: 'disk full',
    promise:
      'appends stop, the ring fills, the newest are refused and counted; requests are not touched; recovers alone',
    lost: 'counted',
    twice: 'none',
    proofs: [
      proof(
        'on a disk that is full but for its reserve records wait, the newest are refused and counted, and it recovers alone',
        'test/faults/disk-full.test.ts',
      ),
      proof(
        'on a disk without a byte left nothing that was taken is lost, and it recovers alone',
        'test/faults/disk-full.test.ts',
      ),
      proof(
        'while the log is full the ring fills, then the newest are refused and counted; it recovers alone',
        'test/buffer/recorder.test.ts',
      ),
      proof('a full disk is waited for, and holds no half block', 'test/sinks/file.test.ts'),
    ],
    chaos: ['disk full'],
  },
  {
    event: 'torn frame, torn file',
    promise: 'found by checksum, counted; neighbours are whole',
    lost: 'at most the frame',
    twice: 'none',
    proofs: [
      proof('a flipped bit anywhere makes the frame torn, never wrong', 'test/record/frame.test.ts'),
      proof(
        'what cannot be decoded becomes dead letters, a torn frame as many as it was stamped with',
        'test/pump/pump.test.ts',
      ),
      proof(
        'a torn frame is passed over and counted, kept for whoever wants to look, and harms no other',
        'test/buffer/mend.test.ts',
      ),
      proof('a damaged file is refused with what to do', 'test/buffer/sqlite.test.ts'),
      proof('what an attempt left half written is cut off by the next process', 'test/sinks/file.test.ts'),
    ],
  },
  {
    event: 'a gateway’s clock a year off',
    promise: 'its times are kept; partitions follow the receipt',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof('a record with a start in 2099 is stored unchanged', ...sinks),
      proof(
        'however wrong the clocks are, a block makes at most 25 files, and the times stay as they are',
        'test/sinks/store/append.test.ts',
      ),
      proof(
        'records whose clock is a year off lie in the partition of the day that they came',
        'test/faults/clock.test.ts',
      ),
    ],
    chaos: ['clock a year off'],
  },
  {
    event: 'pumps added, removed, restarted one after the other',
    promise: 'only moved sinks and shards pause',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof('pumps come and go, are killed and stand still; they share the log in', 'test/e2e/many-pumps.test.ts'),
      proof(
        'sealed blocks go with the sink to another process, whoever of them is slow to notice',
        'test/buffer/kafka-faults.test.ts',
      ),
      proof('while one owner has a sink no other gets it; a new one has it at once when it is let go', ...buffers),
      proof(
        'an owner keeps its lease for as long as it lives; when it is killed another gets the sink within seconds',
        ...buffers,
      ),
    ],
    chaos: ['pump stopped', 'pump killed'],
    scenario: 'two-pumps',
  },
  {
    event: 'configuration changed between seal and repeat',
    promise: 'a block keeps the shape that it was sealed under; the next one has the new one',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof(
        'a block that was sealed under other rules is sent as it was then, and the new ones hold from the next on',
        'test/pump/shaped-session.test.ts',
      ),
      proof('and is sent again under other options is there once', 'test/sinks/file.test.ts'),
    ],
  },
  {
    event: 'zombie: a pump that stood still beyond its lease',
    promise: 'it cannot settle; what it writes late is recognised by the token',
    lost: 'none',
    twice: 'none within the backend’s dedupe window, else found by penstock audit',
    proofs: [
      proof(
        'who had a transactional id before cannot commit any more, and leaves nothing',
        'test/buffer/kafka-faults.test.ts',
      ),
      proof('an owner that was overtaken hears of it, and can change nothing any more', ...buffers),
      proof('an owner that was overtaken cannot even repeat a settle of its own', ...buffers),
      proof(
        'a repeat that comes after the server has forgotten the token is looked up',
        'test/sinks/clickhouse.test.ts',
      ),
      proof(
        'a block that comes late, after its successor was added, changes nothing any more',
        'test/sinks/mongo-usage.test.ts',
      ),
    ],
    chaos: ['pump paused'],
  },
  {
    event: 'a sink removed from the configuration',
    promise: 'its cursor holds the log, which is told, until penstock sinks retire',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof('sinks that the log knows are listed, and one that is gone for good is retired', 'test/cli/sinks.test.ts'),
      proof('trimming lets go of what every sink has passed, and of nothing beyond', ...buffers),
      proof('a retired sink no longer holds the log, and leaves nothing behind', ...buffers),
    ],
  },
  {
    event: 'a dead letter delivered again, and a pump that dies over it',
    promise: 'the same batch on every attempt; what is refused again stays with the new reason',
    lost: 'none',
    twice: 'none; in OTLP at most that batch',
    proofs: [
      proof('dead letters that somebody asks for are delivered once more, and leave', 'test/pump/retries.test.ts'),
      proof(
        'holds a retried letter once, also where its pump died between write and settle',
        'test/pump/retries-once.test.ts',
      ),
      proof(
        'dead letters that are to be delivered again make a batch that stays as it is, whoever owns the sink',
        ...buffers,
      ),
    ],
  },
  {
    event: 'secrets in the traffic: a key, a password, a cookie',
    promise: 'redacted in the gateway, before the ring',
    lost: 'none',
    twice: 'none',
    proofs: [
      proof(
        'no secret of a request is found in any sink, dead letter, log, spool or buffer',
        'test/e2e/secrets.test.ts',
      ),
    ],
  },
]
