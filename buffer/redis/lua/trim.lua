-- Lets go of frames that every sink has passed, of so many records at most. ARGV: incarnation, records, ms after which a producer is forgotten.
-- Reply: how many frames went; 1 where there may be more.
if not is_log(incarnation) then return { 'reset' } end
write_although_full()
local function each_field(hash, name, visit)
  local fields = redis.call('HGETALL', hash)
  for i = 1, #fields, 2 do
    local of = string.match(fields[i], '^' .. name .. ':(.*)$')
    if of then visit(of, tonumber(fields[i + 1])) end
  end
end

local slowest
each_field(readers, 'offset', function(_, offset) slowest = math.min(slowest or offset, offset) end)
local trimmed = number_in(meta, 'trimmed')
if slowest and slowest > trimmed then
  local to, gone = math.min(slowest, trimmed + ARGV[2]), 0
  local last = redis.call('XREVRANGE', log, id_at(to), '-', 'COUNT', 1)[1]
  if last then
    redis.call('HSET', meta, 'trimmedBytes', field_of(last, 'total'))
    gone = redis.call('XTRIM', log, 'MINID', '=', text(to) .. '-1')
  end
  redis.call('HSET', meta, 'trimmed', text(to))
  return { 'ok', gone, to < slowest and 1 or 0 }
end

local long_ago = now_ms() - ARGV[3]
each_field(producers, 'at', function(boot, at)
  if at < long_ago then
    redis.call('HDEL', producers, 'next:' .. boot, 'at:' .. boot, 'appended:' .. boot, 'skipped:' .. boot)
  end
end)
return { 'ok', 0, 0 }
