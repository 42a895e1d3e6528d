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

-- Lua itself would write large numbers with an exponent.
local function text(number)
  return string.format('%.0f', number)
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
-- The write also gives a WAIT behind this script something to wait for.
local function fault_of_owner()
  if not is_log(incarnation) then return { 'reset' } end
  local sink = ARGV[2]
  local owner = redis.call('HGET', readers, 'owner:' .. sink)
  if redis.call('HGET', readers, 'fence:' .. sink) ~= ARGV[3] or owner ~= ARGV[4] then
    return { 'fenced', owner or '' }
  end
  write_although_full()
  redis.call('HSET', readers, 'lease:' .. sink, text(now_ms() + ARGV[5]))
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

-- A seal in its list: id, from, to, then token and shape as the client wrote them.
local function to_seal(line)
  local id, from_offset, from_index, to_offset, to_index, rest = string.match(line, '^(%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  return { id = id, from = from_offset + from_index, to = to_offset + to_index, rest = rest, line = line }
end

local function seals_in(list)
  local seals = redis.call('LRANGE', list, 0, -1)
  for i, line in ipairs(seals) do
    seals[i] = to_seal(line)
  end
  return seals
end

-- The line of a new seal: from and to as offset and index.
local function new_seal(from_offset, from_index, to_offset, to_index, rest)
  return table.concat({ text(add(meta, 'ids', 1)), from_offset, from_index, to_offset, to_index, rest }, ' ')
end
