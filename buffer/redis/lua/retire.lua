-- Forgets a sink. KEYS: 6 and beyond, all of the sink. ARGV: incarnation, sink.
if not is_log(incarnation) then return { 'reset' } end
write_although_full()
local sink = ARGV[2]
redis.call('XGROUP', 'DESTROY', log, sink)
redis.call('DEL', unpack(KEYS, 6))
for _, field in ipairs({ 'started:', 'offset:', 'index:', 'fence:', 'owner:', 'lease:', 'delivered:', 'filtered:', 'deadLettered:', 'dropped:', 'evicted:', 'hour:' }) do
  redis.call('HDEL', readers, field .. sink)
end
return { 'ok' }
