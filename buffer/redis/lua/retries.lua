-- The dead letters of a sink that are in a retry batch. KEYS: 8 dead letters, 9 retries, 10 reasons. ARGV: incarnation.
if not is_log(incarnation) then return { 'reset' } end
local letters = {}
for _, id in ipairs(redis.call('HKEYS', KEYS[9])) do
  table.insert(letters, to_letter(redis.call('XRANGE', KEYS[8], id_at(id), id_at(id))[1]))
end
return { 'ok', letters }
