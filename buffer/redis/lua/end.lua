-- Records since the begin. ARGV: incarnation.
if not is_log(incarnation) then return { 'reset' } end
return { 'ok', redis.call('HGET', meta, 'cumulative') }
