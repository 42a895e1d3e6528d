-- Lets go of dead letters that are in no retry batch. KEYS: 8 dead letters, 9 retries, 10 reasons. ARGV: incarnation, sink, then ids.
-- Reply: how many went.
if not is_log(incarnation) then return { 'reset' } end
write_although_full()
local dropped = 0
for i = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[9], ARGV[i]) == 0 then
    dropped = dropped + redis.call('XDEL', KEYS[8], id_at(ARGV[i]))
    redis.call('HDEL', KEYS[10], ARGV[i])
  end
end
if dropped > 0 then add(readers, 'dropped:' .. ARGV[2], dropped) end
return { 'ok', dropped }
