-- The hours of a sink's minute ledger, from one up to another. KEYS: 11 minutes. ARGV: incarnation, first hour, last hour.
if not is_log(incarnation) then return { 'reset' } end
local lines = {}
for _, hour in ipairs(redis.call('HKEYS', KEYS[11])) do
  if tonumber(hour) >= tonumber(ARGV[2]) and tonumber(hour) <= tonumber(ARGV[3]) then
    table.insert(lines, redis.call('HGET', KEYS[11], hour))
  end
end
return { 'ok', table.concat(lines) }
