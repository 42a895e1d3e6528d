-- Makes one batch of dead letters that can be delivered again and are in none. KEYS: 8 dead letters, 9 retries. ARGV: incarnation, sink, then ids.
-- Reply: how many were taken.
if not is_log(incarnation) then return { 'reset' } end
write_although_full()
local batch, taken = text(number_in(meta, 'ids') + 1), 0
for i = 3, #ARGV do
  local letter = redis.call('XRANGE', KEYS[8], id_at(ARGV[i]), id_at(ARGV[i]))[1]
  if letter and field_of(letter, 'form') == 'json' then
    taken = taken + redis.call('HSETNX', KEYS[9], ARGV[i], batch)
  end
end
if taken > 0 then redis.call('HSET', meta, 'ids', batch) end
return { 'ok', taken }
