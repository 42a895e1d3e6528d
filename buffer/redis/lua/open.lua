-- Opens the shard's log; begins a new one where there is none, or not all of one. ARGV: incarnation of a new log, shards of the log, version of what it holds.
-- Reply: incarnation, shards, whether something had to go; 'newer' and the version where a newer one wrote it. What the first version wrote
-- has no version, and is read as it is.
local known = redis.call('HGET', meta, 'incarnation')
write_although_full()
if is_log(known) then
  local version = number_in(meta, 'version') or 1
  if version > tonumber(ARGV[3]) then return { 'newer', version } end
  redis.call('HSET', meta, 'version', ARGV[3])
  if tonumber(ARGV[2]) > number_in(meta, 'shards') then redis.call('HSET', meta, 'shards', ARGV[2]) end
  return { 'ok', known, redis.call('HGET', meta, 'shards'), 0 }
end
local gone = redis.call('DEL', log, meta, producers, readers)
redis.call('XGROUP', 'CREATE', log, 'new', '0', 'MKSTREAM')
redis.call('XGROUP', 'DESTROY', log, 'new')
-- Ids begin with the time: those of dead letters that outlived a log stay below.
redis.call('HSET', meta, 'incarnation', incarnation, 'version', ARGV[3], 'shards', ARGV[2], 'cumulative', 0, 'frames', 0, 'bytes', 0,
  'trimmed', 0, 'trimmedBytes', 0, 'fence', 0, 'ids', text(now_ms()))
redis.call('HSET', producers, 'incarnation', incarnation)
redis.call('HSET', readers, 'incarnation', incarnation)
return { 'ok', incarnation, ARGV[2], gone }
