-- Forgets a sink. KEYS: 6 seals, 7 state, 8 dead letters. ARGV: incarnation, sink.
if not is_log(incarnation) then return { 'reset' } end
write_although_full()
local sink = ARGV[2]
redis.call('XGROUP', 'DESTROY', log, sink)
redis.call('DEL', KEYS[6], KEYS[7], KEYS[8])
for _, field in ipairs({ 'started:', 'offset:', 'index:', 'fence:', 'owner:', 'lease:', 'delivered:', 'filtered:', 'deadLettered:', 'evicted:' }) do
  redis.call('HDEL', readers, field .. sink)
end
return { 'ok' }
