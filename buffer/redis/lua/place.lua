-- Who owns a sink and where it stands; an empty owner where it was retired. ARGV: incarnation, sink. Reply: fence, owner, offset, index.
if not is_log(incarnation) then return { 'reset' } end
local reply = { 'ok' }
for i, field in ipairs({ 'fence:', 'owner:', 'offset:', 'index:' }) do
  reply[i + 1] = redis.call('HGET', readers, field .. ARGV[2]) or ''
end
return reply
