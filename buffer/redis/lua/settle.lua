-- Moves the cursor over the oldest seal, with all that comes of it; a repeat changes nothing. KEYS: 6 seals, 7 state, 8 dead letters, 11 minutes.
-- ARGV from 6: has_lag, id, to offset, to index, delivered, filtered, dead letters, then form, reason and bytes of each, then minutes and state.
local fault = fault_of_owner()
if fault then return fault end
local seals, letters, sink = KEYS[6], KEYS[8], ARGV[2]
local id, offset, index, delivered, filtered, dead = unpack(ARGV, 7, 12)

local cursor, oldest, is_sealed = cursor_of(sink), nil, false
for _, seal in ipairs(seals_in(seals)) do
  oldest = oldest or seal
  is_sealed = is_sealed or seal.id == id
end
if not is_sealed and cursor >= offset + index then return { 'ok' } end
if not oldest or oldest.id ~= id or oldest.from ~= cursor then return { 'order' } end

redis.call('LPOP', seals)
local now, i = now_ms(), 13
for _ = 1, tonumber(dead) do
  -- Numbered by the time, so that the ids of several shards say which is older.
  local letter = math.max(number_in(meta, 'ids') + 1, now)
  redis.call('HSET', meta, 'ids', text(letter))
  redis.call('XADD', letters, id_at(letter), 'atMs', text(now), 'form', ARGV[i], 'reason', ARGV[i + 1], 'bytes', ARGV[i + 2])
  i = i + 3
end
save(sink, KEYS[11], KEYS[7], i)
add(readers, 'delivered:' .. sink, delivered)
add(readers, 'filtered:' .. sink, filtered)
add(readers, 'deadLettered:' .. sink, dead)
move_cursor(sink, offset, index, ARGV[6])
return { 'ok' }
