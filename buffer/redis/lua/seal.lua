-- Adds a seal behind the last one; a repeat finds it. KEYS: 6 seals. ARGV from 6: from offset, from index, to offset, to index, rest.
-- Reply: the seal; 'order' and where the block should have begun or the log ends.
local fault = fault_of_owner()
if fault then return fault end
local from, to, rest = ARGV[6] + ARGV[7], ARGV[8] + ARGV[9], ARGV[10]
local seals = seals_in(KEYS[6])
local last = seals[#seals]
if last and last.from == from and last.to == to and last.rest == rest then return { 'ok', last.line } end
local start, finish = last and last.to or cursor_of(ARGV[2]), number_in(meta, 'cumulative')
if from ~= start or to <= from or to > finish then return { 'order', text(start), text(finish) } end
local line = new_seal(ARGV[6], ARGV[7], ARGV[8], ARGV[9], 0, rest)
redis.call('RPUSH', KEYS[6], line)
return { 'ok', line }
