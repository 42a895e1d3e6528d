-- Notes that an owner lives, or with no sinks that it ends. ARGV: incarnation, owner, its sinks as JSON or '', for how long in ms.
-- Reply: owners that live and their sinks in turn.
if not is_log(incarnation) then return { 'reset' } end
local prefix, now, live = 'pump:', now_ms(), {}
write_although_full()
if ARGV[3] == '' then
  redis.call('HDEL', meta, prefix .. ARGV[2])
else
  redis.call('HSET', meta, prefix .. ARGV[2], text(now + ARGV[4]) .. ' ' .. ARGV[3])
end
local fields = redis.call('HGETALL', meta)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, #prefix) == prefix then
    local until_ms, sinks = string.match(fields[i + 1], '^(%d+) (.*)$')
    if tonumber(until_ms) > now then
      table.insert(live, string.sub(fields[i], #prefix + 1))
      table.insert(live, sinks)
    else
      redis.call('HDEL', meta, fields[i])
    end
  end
end
return { 'ok', live }
