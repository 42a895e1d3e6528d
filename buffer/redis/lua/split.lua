-- Makes one seal two; a repeat finds them. KEYS: 6 seals.
-- ARGV from 6: id, from offset, from index, middle offset, middle index, to offset, to index, rest of the left half, rest of the right half.
-- Reply: both; 'order' where the seal is not there or the middle not within.
local fault = fault_of_owner()
if fault then return fault end
local id, from, middle, to = ARGV[6], ARGV[7] + ARGV[8], ARGV[9] + ARGV[10], ARGV[11] + ARGV[12]
if middle <= from or middle >= to then return { 'order' } end
for i, seal in ipairs(seals_in(KEYS[6])) do
  if seal.id == id then
    local left = new_seal(ARGV[7], ARGV[8], ARGV[9], ARGV[10], seal.deaths, ARGV[13])
    local right = new_seal(ARGV[9], ARGV[10], ARGV[11], ARGV[12], seal.deaths, ARGV[14])
    redis.call('LSET', KEYS[6], i - 1, left)
    redis.call('LINSERT', KEYS[6], 'AFTER', left, right)
    return { 'ok', left, right }
  end
  if seal.from == from and seal.to == middle and seal.rest == ARGV[13] then
    local right = redis.call('LINDEX', KEYS[6], i)
    if right and to_seal(right).to == to and to_seal(right).rest == ARGV[14] then return { 'ok', seal.line, right } end
  end
end
return { 'order' }
