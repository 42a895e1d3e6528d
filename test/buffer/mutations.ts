import type { Mutation } from '../mutation.ts'

/** A fault in each of the members, which the same test of the contract must find in all. */
interface MemberFaults {
  readonly says: string
  readonly name: string
  readonly sqlite: Fault
  readonly redis: Fault
}

type Fault = Pick<Mutation, 'file' | 'search' | 'replacement'>

const faults: readonly MemberFaults[] = [
  {
    says: 'a settle is not fenced',
    name: 'an owner that was overtaken hears of it, and can change nothing any more',
    sqlite: {
      file: 'buffer/sqlite/reader.ts',
      search:
        'settle: async (seal, settlement) => change((cursor) => settleSeal(sql, sink, cursor, seal, settlement, now())),',
      replacement:
        'settle: async (seal, settlement) => db.change(() => settleSeal(sql, sink, cursorOf(findReader(sql, sink)!), seal, settlement, now())),',
    },
    redis: {
      file: 'buffer/redis/lua/settle.lua',
      search: 'local fault = fault_of_owner()\nif fault then return fault end\n',
      replacement: '',
    },
  },
  {
    says: 'a settle of a retry is not fenced',
    name: 'an owner that was overtaken cannot settle a batch',
    sqlite: {
      file: 'buffer/sqlite/reader.ts',
      search: 'settleRetry: async (batch, settlement) => change(() =>',
      replacement: 'settleRetry: async (batch, settlement) => db.change(() =>',
    },
    redis: {
      file: 'buffer/redis/lua/settle-retry.lua',
      search: 'local fault = fault_of_owner()\nif fault then return fault end\n',
      replacement: '',
    },
  },
  {
    says: 'a seal is not fenced',
    name: 'an owner that was overtaken hears of it, and can change nothing any more',
    sqlite: {
      file: 'buffer/sqlite/reader.ts',
      search: 'seal: async (block) => change((cursor) => addSeal(sql, sink, cursor, block)),',
      replacement:
        'seal: async (block) => db.change(() => addSeal(sql, sink, cursorOf(findReader(sql, sink)!), block)),',
    },
    redis: {
      file: 'buffer/redis/lua/seal.lua',
      search: 'local fault = fault_of_owner()\nif fault then return fault end\n',
      replacement: '',
    },
  },
  {
    says: 'blocks settle out of order',
    name: 'blocks settle in order only: one that is not the oldest is refused and changes nothing',
    sqlite: {
      file: 'buffer/sqlite/settle.ts',
      search: 'const oldest = seals[0]\n  if (oldest?.id !== seal.id || comparePositions(oldest.from, cursor) !== 0)',
      replacement: 'const oldest = seals.find(({ id }) => id === seal.id)\n  if (!oldest)',
    },
    redis: {
      file: 'buffer/redis/lua/settle.lua',
      search: 'if not oldest or oldest.id ~= id or oldest.from ~= cursor then',
      replacement: 'if not is_sealed then',
    },
  },
  {
    says: 'a settle that is repeated is not recognised',
    name: 'a settle moves the cursor, counts, keeps dead letters and state, and drops the seal, together and once',
    sqlite: {
      file: 'buffer/sqlite/settle.ts',
      search: 'if (!seals.some(({ id }) => id === seal.id) && comparePositions(cursor, seal.to) >= 0) return\n',
      replacement: '',
    },
    redis: {
      file: 'buffer/redis/lua/settle.lua',
      search: "if not is_sealed and cursor >= offset + index then return { 'ok' } end\n",
      replacement: '',
    },
  },
  {
    says: 'a trim takes one record too many',
    name: 'trimming ends right before the slowest cursor, where frames are of one record too',
    sqlite: {
      file: 'buffer/sqlite/trim.ts',
      search: 'WHERE offset < (SELECT min(cursor_offset) FROM readers)',
      replacement: 'WHERE offset <= (SELECT min(cursor_offset) FROM readers)',
    },
    redis: {
      file: 'buffer/redis/lua/trim.lua',
      search: "text(to) .. '-1'",
      replacement: "text(to + 1) .. '-1'",
    },
  },
  {
    says: 'a trim leaves one record too many',
    name: 'trimming ends right before the slowest cursor, where frames are of one record too',
    sqlite: {
      file: 'buffer/sqlite/trim.ts',
      search: 'WHERE offset < (SELECT min(cursor_offset) FROM readers)',
      replacement: 'WHERE offset < (SELECT min(cursor_offset) - 1 FROM readers)',
    },
    redis: {
      file: 'buffer/redis/lua/trim.lua',
      search: "text(to) .. '-1'",
      replacement: "text(to - 1) .. '-1'",
    },
  },
  {
    says: 'a trim goes by the foremost cursor',
    name: 'trimming lets go of what every sink has passed, and of nothing beyond',
    sqlite: {
      file: 'buffer/sqlite/trim.ts',
      search: 'SELECT min(cursor_offset) FROM readers',
      replacement: 'SELECT max(cursor_offset) FROM readers',
    },
    redis: {
      file: 'buffer/redis/lua/trim.lua',
      search: 'most = math.min(most or offset, offset)',
      replacement: 'most = math.max(most or offset, offset)',
    },
  },
  {
    says: 'an append does not look for a gap',
    name: 'a gap is refused with the seq to go on from, and nothing behind it gets in',
    sqlite: {
      file: 'buffer/sqlite/append.ts',
      search: 'for (const [i, { seq }] of fresh.entries()) if (seq !== next + i) throw new GapError(next + i, seq)\n',
      replacement: '',
    },
    redis: {
      file: 'buffer/redis/lua/append.lua',
      search: "if tonumber(ARGV[i]) ~= seq then return { 'gap', text(seq), ARGV[i] } end\n",
      replacement: '',
    },
  },
  {
    says: 'an append that is repeated is stored twice',
    name: 'an append that is repeated, in whole or in part, adds nothing twice',
    sqlite: {
      file: 'buffer/sqlite/append.ts',
      search: 'frames.filter(({ seq }) => seq >= next)',
      replacement: 'frames.map((frame, i) => ({ ...frame, seq: next + i }))',
    },
    redis: {
      file: 'buffer/redis/lua/append.lua',
      search: "local expected = tonumber(redis.call('HGET', producers, 'next:' .. boot) or 0)",
      replacement: 'local expected = tonumber(ARGV[4] or 0)',
    },
  },
  {
    says: 'an owner that lets go counts as one that died',
    name: 'a seal counts the owners that ended without letting go; those that let go are not counted',
    sqlite: {
      file: 'buffer/sqlite/reader.ts',
      search: 'else if (known.lease_until_ms !== 0) countDeath(sql, sink)',
      replacement: 'else countDeath(sql, sink)',
    },
    redis: {
      file: 'buffer/redis/lua/take.lua',
      search: "elseif number_in(readers, 'lease:' .. sink) ~= 0 then",
      replacement: 'else',
    },
  },
  {
    says: 'a dead letter is dropped out of a batch that may be on its way',
    name: 'dead letters that are to be delivered again make a batch that stays as it is, whoever owns the sink',
    sqlite: {
      file: 'buffer/sqlite/dead-letters.ts',
      search: '} AND retry_id IS NULL AND id IN',
      replacement: '} AND id IN',
    },
    redis: {
      file: 'buffer/redis/lua/drop.lua',
      search: "if redis.call('HEXISTS', KEYS[9], ARGV[i]) == 0 then",
      replacement: 'do',
    },
  },
  {
    says: 'a settle of a retry that is repeated is not recognised',
    name: 'settling a batch moves what was delivered, and gives the rest its new reason and its place back, together and once',
    sqlite: {
      file: 'buffer/sqlite/settle.ts',
      search: 'if (!sql.get`SELECT id FROM retries',
      replacement: 'if (false && !sql.get`SELECT id FROM retries',
    },
    redis: {
      file: 'buffer/redis/lua/settle-retry.lua',
      search: "if redis.call('HGET', KEYS[9], any) ~= batch then return { 'ok' } end\n",
      replacement: '',
    },
  },
  {
    says: 'sums of ids outgrow what a number can hold exactly',
    name: 'the minute ledger adds up what settles say, minute by minute, modulo 2^48',
    sqlite: {
      file: 'buffer/sqlite/minutes.ts',
      search: '(id_sum + excluded.id_sum) %',
      replacement: '(id_sum + excluded.id_sum) + 0 *',
    },
    redis: {
      file: 'buffer/redis/lua/prelude.lua',
      search: '(s + sum) % 2 ^ 48',
      replacement: 's + sum',
    },
  },
]

/** What the contract of the buffers must find, in each member. */
export const bufferMutations: readonly Mutation[] = faults.flatMap(({ says, name, sqlite, redis }) => [
  { says: `${says} (sqlite)`, ...sqlite, killedBy: { file: 'test/buffer/sqlite.test.ts', name } },
  { says: `${says} (redis)`, ...redis, killedBy: { file: 'test/buffer/redis.test.ts', name } },
])
