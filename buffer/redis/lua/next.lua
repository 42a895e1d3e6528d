-- The seq expected of a boot; empty where the shard has not seen it. ARGV: incarnation, boot.
if not is_log(incarnation) then return { 'reset' } end
return { 'ok', redis.call('HGET', producers, 'next:' .. ARGV[2]) or '' }
