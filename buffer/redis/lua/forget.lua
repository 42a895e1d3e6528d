-- Lets go of the hours of a sink's minute ledger before one. KEYS: 11 minutes. ARGV: incarnation, sink, hour.
if not is_log(incarnation) then return { 'reset' } end
write_although_full()
local oldest
for _, hour in ipairs(redis.call('HKEYS', KEYS[11])) do
  if tonumber(hour) < tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[11], hour)
  else
    oldest = math.min(oldest or hour, hour)
  end
end
if oldest then
  redis.call('HSET', readers, 'hour:' .. ARGV[2], text(oldest))
else
  redis.call('HDEL', readers, 'hour:' .. ARGV[2])
end
return { 'ok' }
