-- Stands before every script. Keys of a shard, the same first five for all; what a script adds is said in its own head.
-- A reply begins with 'ok' or the name of a fault, since error replies differ between versions of Redis.
local log, meta, producers, readers, nothing = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local incarnation = ARGV[1]

-- A first write that takes no memory: after it Redis lets a script's other writes pass, also at maxmemory.
local function write_although_full()
  redis.call('DEL', nothing)
end

local function is_log(known)
  return known
    and redis.call('EXISTS', log) == 1
    and redis.call('HGET', meta, 'incarnation') == known
    and redis.call('HGET', producers, 'incarnation') == known
    and redis.call('HGET', readers, 'incarnation') == known
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Lua itself would write large numbers with an exponent, and the nought that is left of a subtraction perhaps with a sign.
local function text(number)
  return string.format('%.0f', number + 0)
end

local function number_in(hash, field)
  return tonumber(redis.call('HGET', hash, field))
end

local function add(hash, field, number)
  return redis.call('HINCRBY', hash, field, text(number))
end

-- Id of the entry whose frame ends at a place.
local function id_at(place)
  return text(place) .. '-0'
end

local function place_in(id)
  return tonumber(string.match(id, '^%d+'))
end

local function field_of(entry, name)
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
end

-- For tools only: the sink's consumer group shows how far it has come, from Redis 7 on also as a lag.
local function show_cursor(sink, offset, frames_read, has_lag)
  local where = { log, sink, id_at(offset) }
  if has_lag == '1' and frames_read then
    where[4], where[5] = 'ENTRIESREAD', text(frames_read)
  end
  if redis.pcall('XGROUP', 'SETID', unpack(where)).err then
    redis.call('XGROUP', 'CREATE', unpack(where))
  end
end

-- Checks that the log is the one that was opened and that ARGV 2 to 4, sink, fence and owner, still own it; makes the lease last ARGV 5 ms.
-- A lease of 0 is one that was let go of.
-- The write also gives a WAIT behind this script something to wait for.
local function fault_of_owner()
  if not is_log(incarnation) then return { 'reset' } end
  local sink = ARGV[2]
  local owner = redis.call('HGET', readers, 'owner:' .. sink)
  if redis.call('HGET', readers, 'fence:' .. sink) ~= ARGV[3] or owner ~= ARGV[4] then
    return { 'fenced', owner or '' }
  end
  write_although_full()
  redis.call('HSET', readers, 'lease:' .. sink, ARGV[5] == '0' and 0 or text(now_ms() + ARGV[5]))
end

local function cursor_of(sink)
  return number_in(readers, 'offset:' .. sink) + number_in(readers, 'index:' .. sink)
end

local function move_cursor(sink, offset, index, has_lag)
  local before = number_in(readers, 'offset:' .. sink)
  redis.call('HSET', readers, 'offset:' .. sink, offset, 'index:' .. sink, index)
  if tonumber(offset) == before then return end
  local passed = redis.call('XRANGE', log, id_at(offset), id_at(offset))[1]
  show_cursor(sink, offset, passed and field_of(passed, 'frame'), has_lag)
end

-- A seal in its list: id, from, to, deaths, then token and shape as the client wrote them. Logs of the first version know no deaths.
local function to_seal(line)
  local place, deaths, rest = string.match(line, '^(%d+ %d+ %d+ %d+ %d+) (%d*) ?(.*)$')
  local id, from_offset, from_index, to_offset, to_index = string.match(place, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  return { id = id, from = from_offset + from_index, to = to_offset + to_index, place = place,
    deaths = tonumber(deaths) or 0, rest = rest, line = line }
end

local function seals_in(list)
  local seals = redis.call('LRANGE', list, 0, -1)
  for i, line in ipairs(seals) do
    seals[i] = to_seal(line)
  end
  return seals
end

-- The line of a new seal: from and to as offset and index.
local function new_seal(from_offset, from_index, to_offset, to_index, deaths, rest)
  return table.concat({ text(add(meta, 'ids', 1)), from_offset, from_index, to_offset, to_index, text(deaths), rest }, ' ')
end

-- Saves what a settle brings beside its counts, from the i-th argument on: how many minutes, of each its number, records and sum of ids, then
-- key and value of the state. The ledger holds an hour in a field: ' minute:records:sum' for each of its minutes; the readers know its oldest hour.
local function save(sink, minutes, state, i)
  local oldest = number_in(readers, 'hour:' .. sink) or math.huge
  local behind = i + 1 + 3 * ARGV[i]
  for at = i + 1, behind - 1, 3 do
    local minute, records, sum = unpack(ARGV, at, at + 2)
    local hour = text(math.floor(minute / 60))
    local line, known = string.gsub(redis.call('HGET', minutes, hour) or '', ' ' .. minute .. ':(%d+):(%d+)', function(r, s)
      return table.concat({ ' ' .. minute, text(r + records), text((s + sum) % 2 ^ 48) }, ':')
    end)
    if known == 0 then line = line .. ' ' .. table.concat({ minute, records, sum }, ':') end
    redis.call('HSET', minutes, hour, line)
    if tonumber(hour) < oldest then
      oldest = tonumber(hour)
      redis.call('HSET', readers, 'hour:' .. sink, hour)
    end
  end
  for key = behind, #ARGV, 2 do
    if ARGV[key + 1] == '' then
      redis.call('HDEL', state, ARGV[key])
    else
      redis.call('HSET', state, ARGV[key], ARGV[key + 1])
    end
  end
end

-- Where the first frame appended at or after a time begins, between two places, and the entry of that frame; the second place where there is none.
local function first_since(at_ms, low, high)
  local first
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = redis.call('XRANGE', log, '(' .. id_at(middle), id_at(high), 'COUNT', 1)[1]
    if not entry then
      high = middle
    elseif tonumber(field_of(entry, 'atMs')) < at_ms then
      low = place_in(entry[1])
    else
      high, first = place_in(entry[1]) - field_of(entry, 'count'), entry
    end
  end
  return high, first
end

-- A dead letter: its id, when, form, reason, bytes, the retry batch that it is in or nothing. KEYS: 8 dead letters, 9 retries, 10 reasons.
local function to_letter(entry)
  local id = text(place_in(entry[1]))
  return { id, field_of(entry, 'atMs'), field_of(entry, 'form'), redis.call('HGET', KEYS[10], id) or field_of(entry, 'reason'),
    field_of(entry, 'bytes'), redis.call('HGET', KEYS[9], id) or '' }
end
