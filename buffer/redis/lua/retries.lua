-- The dead letters of a sink that are in a retry batch. KEYS: 8 dead letters, 9 retries, 10 reasons. ARGV: incarnation, how many batches at most or ''.
if not is_log(incarnation) then return { 'reset' } end
local by_batch, batches, letters = {}, {}, {}
local fields = redis.call('HGETALL', KEYS[9])
for i = 1, #fields, 2 do
  local batch = tonumber(fields[i + 1])
  if not by_batch[batch] then
    by_batch[batch] = {}
    table.insert(batches, batch)
  end
  table.insert(by_batch[batch], fields[i])
end
table.sort(batches)
for i = 1, math.min(#batches, tonumber(ARGV[2]) or #batches) do
  for _, id in ipairs(by_batch[batches[i]]) do
    table.insert(letters, to_letter(redis.call('XRANGE', KEYS[8], id_at(id), id_at(id))[1]))
  end
end
return { 'ok', letters }
