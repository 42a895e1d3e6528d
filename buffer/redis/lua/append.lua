-- Appends what the log does not have of a boot's frames. ARGV: incarnation, most bytes held, boot, then for each frame its seq, count and bytes.
if not is_log(incarnation) then return { 'reset' } end
local boot = ARGV[3]
local expected = tonumber(redis.call('HGET', producers, 'next:' .. boot) or 0)
local first = 4
while first <= #ARGV and tonumber(ARGV[first]) < expected do
  first = first + 3
end
if first > #ARGV then return { 'ok' } end

local seq, bytes = expected, 0
for i = first, #ARGV, 3 do
  if tonumber(ARGV[i]) ~= seq then return { 'gap', text(seq), ARGV[i] } end
  seq, bytes = seq + 1, bytes + #ARGV[i + 2]
end
local total = number_in(meta, 'bytes')
local held = total - number_in(meta, 'trimmedBytes')
if held + bytes > tonumber(ARGV[2]) then return { 'full', text(held), ARGV[2] } end

local before, frames = number_in(meta, 'cumulative'), number_in(meta, 'frames')
local cumulative, now = before, text(now_ms())
for i = first, #ARGV, 3 do
  cumulative, frames, total = cumulative + ARGV[i + 1], frames + 1, total + #ARGV[i + 2]
  redis.call('XADD', log, id_at(cumulative), 'count', ARGV[i + 1], 'atMs', now,
    'frame', text(frames), 'total', text(total), 'bytes', ARGV[i + 2])
end
redis.call('HSET', meta, 'cumulative', text(cumulative), 'frames', text(frames), 'bytes', text(total))
redis.call('HSET', producers, 'next:' .. boot, text(seq), 'at:' .. boot, now)
add(producers, 'appended:' .. boot, cumulative - before)
return { 'ok' }
