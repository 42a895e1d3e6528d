-- Lets go of frames that every sink has passed, of so many records at most. ARGV: incarnation, records, ms after which a producer is forgotten,
-- time in ms since when frames stay, empty where none does for that, first hour that minute ledgers keep.
-- Reply: how many frames went; 1 where there may be more; sinks with older hours.
if not is_log(incarnation) then return { 'reset' } end
write_although_full()
local function each_field(hash, name, visit)
  local fields = redis.call('HGETALL', hash)
  for i = 1, #fields, 2 do
    local of = string.match(fields[i], '^' .. name .. ':(.*)$')
    if of then visit(of, tonumber(fields[i + 1])) end
  end
end

local function last_by(place)
  return redis.call('XREVRANGE', log, id_at(place), '-', 'COUNT', 1)[1]
end

local outdated, most = {}, nil
each_field(readers, 'offset', function(_, offset) most = math.min(most or offset, offset) end)
each_field(readers, 'hour', function(sink, hour)
  if hour < tonumber(ARGV[5]) then table.insert(outdated, sink) end
end)
local trimmed, keep_since = number_in(meta, 'trimmed'), tonumber(ARGV[4]) or math.huge
if most and most > trimmed then
  local to = math.min(most, trimmed + ARGV[2])
  local last, gone = last_by(to), 0
  if last and tonumber(field_of(last, 'atMs')) >= keep_since then
    most = math.max(trimmed, (first_since(keep_since, trimmed, to)))
    to, last = most, last_by(most)
  end
  if last then
    redis.call('HSET', meta, 'trimmedBytes', field_of(last, 'total'))
    gone = redis.call('XTRIM', log, 'MINID', '=', text(to) .. '-1')
  end
  redis.call('HSET', meta, 'trimmed', text(to))
  if to < most then return { 'ok', gone, 1, outdated } end
  if gone > 0 then return { 'ok', gone, 0, outdated } end
end

local long_ago = now_ms() - ARGV[3]
each_field(producers, 'at', function(boot, at)
  if at < long_ago then
    redis.call('HDEL', producers, 'next:' .. boot, 'at:' .. boot, 'appended:' .. boot, 'skipped:' .. boot)
  end
end)
return { 'ok', 0, 0, outdated }
