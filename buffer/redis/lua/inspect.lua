-- The shard as of one moment. ARGV: incarnation.
-- Reply: records since the begin, bytes held, place at which the frames that are there end, producers, readers,
-- and for each sink its name, the place and the time of the first frame that it has not passed.
if not is_log(incarnation) then return { 'reset' } end
local fields, unread = redis.call('HGETALL', readers), {}
for i = 1, #fields, 2 do
  local sink = string.match(fields[i], '^offset:(.*)$')
  local entry = sink and redis.call('XRANGE', log, '(' .. id_at(fields[i + 1]), '+', 'COUNT', 1)[1]
  if entry then
    table.insert(unread, { sink, text(place_in(entry[1]) - field_of(entry, 'count')), field_of(entry, 'atMs') })
  end
end
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
local held = number_in(meta, 'bytes') - number_in(meta, 'trimmedBytes')
return { 'ok', redis.call('HGET', meta, 'cumulative'), text(held), last and text(place_in(last[1])) or '0',
  redis.call('HGETALL', producers), fields, unread }
