-- A session as it is kept, and its tiles and windows.

local function tile_key(s, index) return P .. 'w:' .. index .. ':' .. s.name end

-- The first position in an ascending list whose number is at least a value.
local function position_of(list, value)
  local low, high = 1, #list + 1
  while low < high do
    local middle = floor((low + high) / 2)
    if list[middle] < value then low = middle + 1 else high = middle end
  end
  return low
end

-- Where the lowest offsets lie in a packed tile, less 8 bytes.
local LOWEST_AT = 17
local TILE_FORMAT = '<i8i8I4I4' .. string.rep('i8', #spec.inputs)

local function pack_tile(tile)
  local accepted = {}
  for at, count in ipairs(tile[ACCEPTED]) do accepted[at] = struct.pack('<I4', count) end
  return struct.pack(TILE_FORMAT, tile[UNTIL], tile[AFTER], tile[SIZE], tile[ELEMENTS],
                     unpack(tile[LOWEST])) .. table.concat(accepted)
end

local function unpack_tile(index, packed)
  local f = {struct.unpack(TILE_FORMAT, packed)}
  local low, accepted = {}, {}
  for i = 1, #spec.inputs do low[i] = f[4 + i] end
  local at = f[#f]
  while at < #packed do
    accepted[#accepted + 1] = struct.unpack('<I4', packed, at)
    at = at + 4
  end
  return {index, f[1], f[2], f[3], f[4], low, accepted, false}
end

-- A tile of a session, nil where it has none of that index.
local function tile_of(s, index)
  local tile = s.unpacked[index]
  if not tile and s.packed[index] then
    tile = unpack_tile(index, s.packed[index])
    s.unpacked[index] = tile
  end
  return tile
end

local function first_open(s)
  if spec.trigger then return floor(s.closed / TILE) end
  return floor(s.closed / TILE) + 1
end

local function open_tiles(s)
  if s.closed == NEVER then return #s.tiles end
  return #s.tiles + 1 - position_of(s.tiles, first_open(s))
end

local function first_own(start) return (floor((start - spec.size) / TILE) + 1) * TILE end

local function is_whole(index, closed)
  if spec.trigger then return index * TILE >= closed + spec.size end
  return first_own(index * TILE) > closed
end

-- Start of the first window after one.
local function window_after(s, after)
  if spec.trigger then
    for _, window in ipairs(s.triggers) do
      if window > after then return window end
    end
    return nil
  end
  local found
  for i = position_of(s.tiles, floor((after + TILE) / TILE)), #s.tiles do
    local last = s.tiles[i] * TILE
    local first = first_own(last)
    if found and first >= found then break end
    local closed = tile_of(s, s.tiles[i])[AFTER]
    if last > closed then
      local own = max(after + TILE, first, (floor(closed / TILE) + 1) * TILE)
      found = found and min(found, own) or own
    end
  end
  return found
end

local function new_session(name)
  local sensors = {}
  for at, input in ipairs(spec.inputs) do
    for _, sensor in ipairs(#input.declared > 0 and input.declared or {NAMELESS}) do
      sensors[#sensors + 1] = {at, sensor, NEVER, now, 0, FOREVER}
    end
  end
  local low, done = {}, {}
  for i = 1, #spec.inputs do low[i], done[i] = -1, 0 end
  return {name = name, key = P .. 's:' .. name, closed = NEVER, acked = NEVER, leased = NEVER,
          last = now, ended = NEVER, over = 0, watermark = NEVER, wait_us = NEVER, wait_ms = NEVER,
          size = 0, has_state = 0, sensors = sensors, tiles = {}, packed = {}, unpacked = {},
          triggers = {}, held = {}, low = low, done = done, alive = now,
          revisions = {}, closings = {}, was_open = 0, was_size = 0, was_full = 0}
end

local function is_full(s) return s.size > spec.max_session and 1 or 0 end

local function load_session(name)
  local key = P .. 's:' .. name
  local raw = call('GET', key)
  if not raw then return nil end
  local f = cmsgpack.unpack(raw)
  local s = {name = name, key = key, closed = f[1], acked = f[2], leased = f[3], last = f[4],
             ended = f[5], over = f[6], watermark = f[7], wait_us = f[8], wait_ms = f[9],
             size = f[10], has_state = f[11], sensors = f[12], tiles = f[13], packed = {},
             unpacked = {}, triggers = f[15], held = f[16], revisions = f[17], closings = f[18], low = f[19],
             alive = f[20], done = f[21]}
  for i, index in ipairs(s.tiles) do s.packed[index] = f[14][i] end
  s.was_open, s.was_size, s.was_full = open_tiles(s), s.size, is_full(s)
  return s
end

local function save_session(s)
  n.open = n.open + open_tiles(s) - s.was_open
  n.size = n.size + s.size - s.was_size
  n.full = n.full + is_full(s) - s.was_full
  s.was_open, s.was_size, s.was_full = open_tiles(s), s.size, is_full(s)
  local packed = {}
  for i, index in ipairs(s.tiles) do
    local tile = s.unpacked[index]
    packed[i] = tile and tile[CHANGED] and pack_tile(tile) or s.packed[index]
  end
  call('SET', s.key, cmsgpack.pack({s.closed, s.acked, s.leased, s.last, s.ended, s.over,
       s.watermark, s.wait_us, s.wait_ms, s.size, s.has_state, s.sensors, s.tiles, packed,
       s.triggers, s.held, s.revisions, s.closings, s.low, s.alive, s.done}), 'PX', RETENTION_MS)
end

-- The lowest offset of an input that the session needs, -1 for none.
local function lowest(s, input)
  local low, at = -1, LOWEST_AT + 8 * input
  for _, index in ipairs(s.tiles) do
    local tile = s.unpacked[index]
    local offset = tile and tile[LOWEST][input] or struct.unpack('<i8', s.packed[index], at)
    if offset >= 0 and (low < 0 or offset < low) then low = offset end
  end
  for _, held in ipairs(s.held) do
    if s.sensors[held[H_SENSOR]][INPUT] == input and (low < 0 or held[H_OFFSET] < low) then
      low = held[H_OFFSET]
    end
  end
  return low
end

local function set_lowest(s, input, low)
  if low == s.low[input] then return end
  s.low[input] = low
  if low >= 0 then
    call('ZADD', P .. 'hold:' .. spec.inputs[input].name, low, s.name)
  else
    call('ZREM', P .. 'hold:' .. spec.inputs[input].name, s.name)
  end
end

-- Looks at the lowest offsets again, after something was forgotten.
local function find_lowest(s)
  for input in ipairs(spec.inputs) do
    if s.low[input] >= 0 then set_lowest(s, input, lowest(s, input)) end
  end
end
