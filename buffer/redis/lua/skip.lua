-- Moves a boot's expected seq past what is gone for good. ARGV: incarnation, boot, last seq that is gone, records.
if not is_log(incarnation) then return { 'reset' } end
local boot = ARGV[2]
if tonumber(ARGV[3]) < tonumber(redis.call('HGET', producers, 'next:' .. boot) or 0) then return { 'ok' } end
write_although_full()
redis.call('HSET', producers, 'next:' .. boot, text(ARGV[3] + 1), 'at:' .. boot, text(now_ms()))
add(producers, 'skipped:' .. boot, ARGV[4])
return { 'ok' }
