-- Moves the cursor to a place without delivery and drops the seals before it; a repeat changes nothing. KEYS: 6 seals.
-- ARGV from 6: has_lag, offset, index, records.
local fault = fault_of_owner()
if fault then return fault end
local sink, to = ARGV[2], ARGV[7] + ARGV[8]
if cursor_of(sink) >= to then return { 'ok' } end
local passed = 0
for _, seal in ipairs(seals_in(KEYS[6])) do
  if seal.from < to and seal.to > to then return { 'order' } end
  if seal.to <= to then passed = passed + 1 end
end
redis.call('LTRIM', KEYS[6], passed, -1)
add(readers, 'evicted:' .. sink, ARGV[9])
move_cursor(sink, ARGV[7], ARGV[8], ARGV[6])
return { 'ok' }
