-- A batch under way: what all of its records share, and how a record is kept.

local lost = guard()
if lost then return lost end

local me, through = payload[1], payload[3]
local input = spec.inputs[me]
local LATE, WHY = P .. 'late:' .. input.name, P .. 'why:' .. input.name
local DONE = P .. 'done:' .. input.name
local applied = tonumber(call('HGET', META, 'a:' .. input.name) or '0')
local any_done = call('EXISTS', DONE) == 1
local any_late = call('EXISTS', LATE) == 1
local SAMPLE, PART, DROPPED = 0, 1, 3
local HEADER = '<i8i8i8i8i8i4BxxxI4'
local HEADER_BYTES, KIND_AT = 52, 44
local S_NAME, S_EARLIEST, S_LATEST, S_BEHIND, S_VALID, S_RUNS = 1, 2, 3, 4, 5, 6
local STEP = 6
local repeats, dropped = 0, 0
local late, is_late = {}, {}

local function open_session(name)
  local s = load_session(name)
  if s then return s end
  -- In the register but gone: taken away by someone else.
  if call('ZSCORE', P .. 'deadlines', name) then return nil end
  s = new_session(name)
  local tomb = call('HGET', P .. 'tombs', name)
  if tomb then
    local f = cmsgpack.unpack(tomb)
    s.closed, s.acked = f[1], f[1]
    if f[2] ~= '' then
      s.has_state = 1
      call('SET', P .. 'e:' .. name, f[2], 'PX', RETENTION_MS)
    end
    call('HDEL', P .. 'tombs', name)
    call('ZREM', P .. 'graves', name)
  end
  call('ZADD', P .. 'deadlines', next_deadline(s), name)
  return s
end

-- The tile of an index, made where there is none; nil where one more would be too many.
local function tile_at(s, index, until_us)
  local tile = tile_of(s, index)
  if not tile then
    if open_tiles(s) >= spec.max_open then return nil end
    local low = {}
    for i = 1, #spec.inputs do low[i] = -1 end
    tile = {index, until_us, FOREVER, 0, 0, low, {}, true}
    table.insert(s.tiles, position_of(s.tiles, index), index)
    s.unpacked[index] = tile
  end
  return tile
end

local function note_record(s, tile, until_us, offset)
  if s.low[me] < 0 or offset < s.low[me] then set_lowest(s, me, offset) end
  tile[CHANGED] = true
  if until_us > tile[UNTIL] then tile[UNTIL] = until_us end
  local low = tile[LOWEST]
  if low[me] < 0 or offset < low[me] then low[me] = offset end
end

-- The prefix of an element: its input, and the window that was closed when its records came.
local PREFIX = '<Bi8'

local function add_element(s, tile, bytes, after)
  local key = tile_key(s, tile[INDEX])
  call('RPUSH', key, struct.pack(PREFIX, me, after), bytes)
  if tile[ELEMENTS] == 0 then call('PEXPIRE', key, RETENTION_MS) end
  tile[ELEMENTS] = tile[ELEMENTS] + 1
  if after < tile[AFTER] then tile[AFTER] = after end
end

local function accept(s, tile, at, count)
  local accepted = tile[ACCEPTED]
  for i = #accepted + 1, at do accepted[i] = 0 end
  accepted[at] = accepted[at] + count
end

local function serve(sensor, start, after)
  sensor[FIRST] = min(sensor[FIRST], max(start, after + spec.size))
end

local function finish_session(s)
  if s.woke then call('ZADD', P .. 'deadlines', 'LT', now + input.idle_after, s.name) end
  finish(s)
  save_session(s)
end

local function places_of(s)
  local places = {}
  for at, sensor in ipairs(s.sensors) do
    if sensor[INPUT] == me then places[sensor[NAME]] = at end
  end
  return places
end
