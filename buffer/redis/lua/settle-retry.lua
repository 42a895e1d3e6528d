-- Lets go of a retry batch's letters that were delivered, and gives the others their new reason; a repeat changes nothing.
-- KEYS: 7 state, 8 dead letters, 9 retries, 10 reasons, 11 minutes.
-- ARGV from 6: batch, delivered, then the id of each, rejected, then id and reason of each, then minutes and state.
local fault = fault_of_owner()
if fault then return fault end
local sink, batch, delivered = ARGV[2], ARGV[6], tonumber(ARGV[7])
local first_rejected = 9 + delivered
local rejected = tonumber(ARGV[first_rejected - 1])
local any = ARGV[8 + (delivered > 0 and 0 or 1)]
if redis.call('HGET', KEYS[9], any) ~= batch then return { 'ok' } end

for i = 8, 7 + delivered do
  redis.call('XDEL', KEYS[8], id_at(ARGV[i]))
  redis.call('HDEL', KEYS[9], ARGV[i])
  redis.call('HDEL', KEYS[10], ARGV[i])
end
for i = first_rejected, first_rejected + 2 * rejected - 1, 2 do
  redis.call('HDEL', KEYS[9], ARGV[i])
  redis.call('HSET', KEYS[10], ARGV[i], ARGV[i + 1])
end
save(sink, KEYS[11], KEYS[7], first_rejected + 2 * rejected)
add(readers, 'delivered:' .. sink, delivered)
add(readers, 'deadLettered:' .. sink, -delivered)
return { 'ok' }
