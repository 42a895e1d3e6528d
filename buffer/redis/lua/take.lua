-- Takes the reading end of a sink. KEYS: 6 seals, 7 state. ARGV: incarnation, sink, owner, 'oldest', 'now' or a time in ms, lease in ms, has_lag.
-- Reply: fence, cursor's offset and index, seals, state; 'taken' while another owner's lease holds; 'lost' where the sink is known and its cursor is not.
if not is_log(incarnation) then return { 'reset' } end
local seals, state = KEYS[6], KEYS[7]
local sink, owner, start_at = ARGV[2], ARGV[3], ARGV[4]

local function register()
  local start, frames_read = number_in(meta, 'cumulative'), number_in(meta, 'frames')
  local oldest = start_at ~= 'now' and redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if oldest then
    local first
    start, first = first_since(tonumber(start_at) or 0, place_in(oldest[1]) - field_of(oldest, 'count'), start)
    if first then frames_read = field_of(first, 'frame') - 1 end
  end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', log)) do
    if group[2] == sink then return { 'lost' } end
  end
  show_cursor(sink, start, frames_read, ARGV[6])
  redis.call('DEL', seals, state)
  for _, counter in ipairs({ 'index:', 'delivered:', 'filtered:', 'deadLettered:', 'dropped:', 'evicted:' }) do
    redis.call('HSET', readers, counter .. sink, 0)
  end
  redis.call('HSET', readers, 'started:' .. sink, text(start), 'offset:' .. sink, text(start))
end

local now = now_ms()
write_although_full()
if redis.call('HEXISTS', readers, 'offset:' .. sink) == 0 then
  local fault = register()
  if fault then return fault end
elseif redis.call('HGET', readers, 'owner:' .. sink) ~= owner and number_in(readers, 'lease:' .. sink) > now then
  return { 'taken' }
elseif number_in(readers, 'lease:' .. sink) ~= 0 then
  for i, seal in ipairs(seals_in(seals)) do
    redis.call('LSET', seals, i - 1, table.concat({ seal.place, text(seal.deaths + 1), seal.rest }, ' '))
  end
end
local fence = text(add(meta, 'fence', 1))
redis.call('HSET', readers, 'fence:' .. sink, fence, 'owner:' .. sink, owner, 'lease:' .. sink, text(now + ARGV[5]))
local offset, index = redis.call('HGET', readers, 'offset:' .. sink), redis.call('HGET', readers, 'index:' .. sink)
return { 'ok', fence, offset, index, redis.call('LRANGE', seals, 0, -1), redis.call('HGETALL', state) }
