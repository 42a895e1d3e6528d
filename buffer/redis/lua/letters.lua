-- A sink's dead letters behind an id, oldest first. KEYS: 8 dead letters, 9 retries, 10 reasons. ARGV: incarnation, most, id.
if not is_log(incarnation) then return { 'reset' } end
local letters = redis.call('XRANGE', KEYS[8], '(' .. id_at(ARGV[3]), '+', 'COUNT', ARGV[2])
for i, entry in ipairs(letters) do
  letters[i] = to_letter(entry)
end
return { 'ok', letters }
