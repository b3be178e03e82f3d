-- Shared by every script: the guard, a session's state, its windows, watermark and closing.
-- The rules are written down in rules.py; these files repeat them for Redis, sample for sample.
--
-- KEYS[1] the shard's meta key. ARGV: owner, version, spec, now_ms, payload and, where it needs
-- any, raw bytes end to end (their lengths are in the payload).
-- Answers: {0, ...} done; {1, owner} fenced; {2, what} state lost.
-- Tile indices stay below 1e13, so that tostring() is exact; times never become text.

local call = redis.call
local floor, max, min = math.floor, math.max, math.min
local NEVER, FOREVER = -9007199254740992, 9007199254740992
local NAMELESS = ''
local RECHECK_MS, MAX_TOMBSTONES = 50, 10000
-- Fields of one sensor.
local INPUT, NAME, NEWEST, WALL, IDLE, FIRST = 1, 2, 3, 4, 5, 6
-- Fields of one tile: its index, the last window that may use it, the newest window that was closed
-- to the record with the most windows open, its bytes, elements of its list (each a prefix and
-- records), then lists: lowest offset per input (-1: none), accepted records per sensor's position.
-- A session has its tiles' indices in order; the rest of a tile is packed, and unpacked only where
-- it is needed: most calls look at few of many.
local INDEX, UNTIL, AFTER, SIZE, ELEMENTS, LOWEST, ACCEPTED, CHANGED = 1, 2, 3, 4, 5, 6, 7, 8
-- Fields of one held value: sensor's position, start, offset, bytes, window that was closed.
local H_SENSOR, H_START, H_OFFSET, H_SIZE, H_AFTER = 1, 2, 3, 4, 5
-- Fields of one revision: window, next number, seen by the watermark, cause (0: none is due).
local R_WINDOW, R_NUMBER, R_SEEN, R_CAUSE = 1, 2, 3, 4
local CAUSE_EARLY, CAUSE_WATERMARK, CAUSE_LATE = 1, 2, 3
-- Fields of one closing: last window, wall time, watermark, idle sensors.
local C_THROUGH, C_AT, C_WATERMARK, C_IDLE = 1, 2, 3, 4

local META = KEYS[1]
local P = string.sub(META, 1, -5)
local OWNER, VERSION = ARGV[1], ARGV[2]
local spec = cmsgpack.unpack(ARGV[3])
local now = tonumber(ARGV[4])
local payload = cmsgpack.unpack(ARGV[5])
local TILE, SPAN = spec.tile, spec.size + spec.overhang + spec.allowed
-- A safety net for shards that nobody works on any more; all others are cleaned up by their ticks.
-- A week at least: a long backlog may leave an open window untouched for days.
local RETENTION_MS = max(6 * spec.timeout, 604800000)

-- Counters of the shard: due windows (not yet acknowledged), of those out on lease, open tiles,
-- early results to make, sessions to end, bytes kept, sessions with more bytes than they may have.
local COUNTERS = {'due', 'out', 'open', 'early', 'ends', 'size', 'full'}
local n = {}

-- Cuts the next bytes off ARGV[6].
local bytes_at = 1
local function next_bytes(length)
  local from = bytes_at
  bytes_at = from + length
  return string.sub(ARGV[6], from, bytes_at - 1)
end

local function set_counters(values)
  for i, name in ipairs(COUNTERS) do n[name] = tonumber(values[i] or '0') end
end

local function guard()
  local meta = call('HMGET', META, 'owner', 'ver', unpack(COUNTERS))
  if not meta[1] then return {2, 'none'} end
  if meta[1] ~= OWNER then return {1, meta[1]} end
  if meta[2] ~= VERSION then return {2, 'version ' .. meta[2]} end
  -- The first write: out of memory, it fails before anything has changed.
  call('HINCRBY', META, 'ver', 1)
  set_counters({unpack(meta, 3)})
  return nil
end

local function save_counters(...)
  local fields = {...}
  for _, name in ipairs(COUNTERS) do
    fields[#fields + 1] = name
    fields[#fields + 1] = n[name]
  end
  call('HSET', META, unpack(fields))
  call('PEXPIRE', META, RETENTION_MS)
end

local function waiting() return n.due - n.out + n.early + n.ends end

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
  local low = {}
  for i = 1, #spec.inputs do low[i] = -1 end
  return {name = name, key = P .. 's:' .. name, closed = NEVER, acked = NEVER, leased = NEVER,
          last = now, ended = NEVER, over = 0, watermark = NEVER, wait_us = NEVER, wait_ms = NEVER,
          size = 0, has_state = 0, sensors = sensors, tiles = {}, packed = {}, unpacked = {},
          triggers = {}, held = {}, low = low, alive = now,
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
             alive = f[20]}
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
       s.triggers, s.held, s.revisions, s.closings, s.low, s.alive}), 'PX', RETENTION_MS)
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

local function patience(sensor)
  local input = spec.inputs[sensor[INPUT]]
  if not input.expected and sensor[NEWEST] == NEVER and sensor[FIRST] == FOREVER then return 0 end
  return input.idle_after
end

local function over_at(s) return s.ended ~= NEVER and s.ended or s.last + spec.timeout end

local function next_deadline(s)
  local soonest
  local function consider(at)
    if at <= now then at = now + RECHECK_MS end
    if not soonest or at < soonest then soonest = at end
  end
  if s.ended == NEVER then
    for _, sensor in ipairs(s.sensors) do
      if sensor[IDLE] == 0 then consider(sensor[WALL] + patience(sensor)) end
    end
  end
  if not soonest then consider(over_at(s)) end
  return soonest
end

local function revision_of(s, window)
  for _, revision in ipairs(s.revisions) do
    if revision[R_WINDOW] == window then return revision end
  end
  return nil
end

local function set_cause(s, revision, cause)
  if revision[R_CAUSE] == 0 and cause ~= 0 then
    n.early = n.early + 1
    call('ZADD', P .. 'early', 0, s.name)
  elseif revision[R_CAUSE] ~= 0 and cause == 0 then
    n.early = n.early - 1
  end
  revision[R_CAUSE] = cause
end

-- Takes a session off the list of those with an early result or an end to make, if it has none.
local function settle_early(s)
  for _, revision in ipairs(s.revisions) do
    if revision[R_CAUSE] ~= 0 then return end
  end
  if s.over ~= 1 then call('ZREM', P .. 'early', s.name) end
end

local function close_windows(s)
  local window = window_after(s, s.closed)
  while window and window + SPAN <= s.watermark do
    s.closed = window
    n.due = n.due + 1
    local revision = revision_of(s, window)
    if revision then
      set_cause(s, revision, 0)
      settle_early(s)
    end
    window = window_after(s, window)
  end
end

-- Moves the watermark that counts, and closes what it has passed. `through` has the wall time
-- that each input is read through.
local function advance(s, through)
  local awake, idle_through = FOREVER, FOREVER
  for _, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 0 then
      awake = min(awake, sensor[NEWEST] - spec.inputs[sensor[INPUT]].lateness)
    else
      idle_through = min(idle_through, through[sensor[INPUT]])
    end
  end
  if idle_through == FOREVER then
    s.wait_us, s.wait_ms = NEVER, NEVER
    s.watermark = awake
  else
    if s.watermark == FOREVER and awake ~= FOREVER then s.watermark = NEVER end
    if s.wait_ms ~= NEVER and s.wait_ms <= idle_through then
      s.watermark = max(s.watermark, s.wait_us)
      s.wait_us, s.wait_ms = NEVER, NEVER
    end
    s.watermark = min(s.watermark, awake)
    if awake > s.watermark then
      if now <= idle_through then
        s.watermark = awake
        s.wait_us, s.wait_ms = NEVER, NEVER
      elseif s.wait_ms == NEVER or s.wait_ms == now then
        s.wait_us, s.wait_ms = awake, now
      end
    end
  end
  close_windows(s)
end

local function note_closing(s)
  local last = #s.closings > 0 and s.closings[#s.closings][C_THROUGH] or s.acked
  if s.closed <= last then return end
  local idle = {}
  for at, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 1 then idle[#idle + 1] = at end
  end
  s.closings[#s.closings + 1] = {s.closed, now, s.watermark, idle}
  if s.leased == NEVER and s.over ~= 2 then call('ZADD', P .. 'ready', 'NX', now, s.name) end
end

local function closing_of(s, window)
  for _, closing in ipairs(s.closings) do
    if closing[C_THROUGH] >= window then return closing end
  end
  return nil
end

local function note_early(s)
  if not spec.revises then return end
  local quickest = NEVER
  for _, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 0 then
      quickest = max(quickest, sensor[NEWEST] - spec.inputs[sensor[INPUT]].lateness)
    end
  end
  local window = window_after(s, s.closed)
  while window and window + spec.size <= max(quickest, s.watermark) do
    local revision = revision_of(s, window)
    if spec.allowed > 0 and window + spec.size + spec.overhang <= s.watermark then
      if not revision or revision[R_SEEN] == 0 then
        if not revision then
          revision = {window, 0, 0, 0}
          s.revisions[#s.revisions + 1] = revision
        end
        revision[R_SEEN] = 1
        set_cause(s, revision, CAUSE_WATERMARK)
      end
    elseif not revision and spec.early >= 0 and window + spec.size + spec.early <= quickest then
      revision = {window, 0, 0, 0}
      s.revisions[#s.revisions + 1] = revision
      set_cause(s, revision, CAUSE_EARLY)
    end
    window = window_after(s, window)
  end
end

-- Drops the first tiles, and triggers, that no window needs any more.
local function forget(s)
  local gone = 0
  for i, index in ipairs(s.tiles) do
    local tile = tile_of(s, index)
    if tile[UNTIL] > s.acked then
      local following = window_after(s, s.acked)
      if following and following <= tile[UNTIL] then break end
      if tile[UNTIL] + SPAN > s.watermark then break end
    end
    s.size = s.size - tile[SIZE]
    call('UNLINK', tile_key(s, index))
    gone = i
  end
  if gone > 0 then
    local left = {}
    for i = gone + 1, #s.tiles do left[#left + 1] = s.tiles[i] end
    s.tiles = left
    find_lowest(s)
  end
  if spec.trigger then
    local left, keep = {}, s.acked - spec.backward - spec.size
    for _, window in ipairs(s.triggers) do
      if window > s.acked or window >= keep then left[#left + 1] = window end
    end
    s.triggers = left
  end
end

-- What is looked at once a call, after a session's last record.
local function finish(s)
  note_closing(s)
  note_early(s)
  forget(s)
  if s.wait_ms ~= NEVER then call('ZADD', P .. 'deadlines', 'LT', now + RECHECK_MS, s.name) end
end

-- Puts a session without a lease where the next lease finds it, if it has a due window.
local function queue(s)
  local head = window_after(s, s.acked)
  if head and head <= s.closed then
    call('ZADD', P .. 'ready', closing_of(s, head)[C_AT], s.name)
  else
    call('ZREM', P .. 'ready', s.name)
  end
end

-- Ends the leases that run out by the given time.
local function end_leases(by)
  for _, name in ipairs(call('ZRANGEBYSCORE', P .. 'leases', '-inf', by)) do
    local s = load_session(name)
    if not s then return {2, 'a leased session is gone'} end
    local window = window_after(s, s.acked)
    while window and window <= s.leased do
      n.out = n.out - 1
      window = window_after(s, window)
    end
    s.leased = NEVER
    if s.over == 2 then
      s.over = 1
      n.ends = n.ends + 1
      call('ZADD', P .. 'early', 0, name)
    end
    save_session(s)
    call('ZREM', P .. 'leases', name)
    queue(s)
  end
  return nil
end

-- Forgets a session but for a gravestone.
local function bury(s)
  local state = s.has_state == 1 and call('GET', P .. 'e:' .. s.name) or ''
  for _, index in ipairs(s.tiles) do call('UNLINK', tile_key(s, index)) end
  n.open = n.open - s.was_open
  n.size = n.size - s.was_size
  n.full = n.full - s.was_full
  call('UNLINK', s.key, P .. 'e:' .. s.name, P .. 'h:' .. s.name)
  call('HDEL', P .. 'notes', s.name)
  for _, list in ipairs({'deadlines', 'ready', 'early', 'leases'}) do
    call('ZREM', P .. list, s.name)
  end
  for _, input in ipairs(spec.inputs) do call('ZREM', P .. 'hold:' .. input.name, s.name) end
  if s.closed == NEVER and state == '' then return end
  call('HSET', P .. 'tombs', s.name, cmsgpack.pack({s.closed, state}))
  call('ZADD', P .. 'graves', s.over == 0 and now or s.last, s.name)
  if call('ZCARD', P .. 'graves') > MAX_TOMBSTONES then
    call('HDEL', P .. 'tombs', call('ZPOPMIN', P .. 'graves')[1])
  end
end

-- Deletes every key of the shard, found through its sessions.
local function wipe()
  for _, name in ipairs(call('ZRANGE', P .. 'deadlines', 0, -1)) do
    local raw = call('GET', P .. 's:' .. name)
    for _, index in ipairs(raw and cmsgpack.unpack(raw)[13] or {}) do
      call('UNLINK', P .. 'w:' .. index .. ':' .. name)
    end
    call('UNLINK', P .. 's:' .. name, P .. 'e:' .. name, P .. 'h:' .. name)
  end
  local inputs = {}
  for _, input in ipairs(spec.inputs) do inputs[input.name] = true end
  for _, field in ipairs(call('HKEYS', META)) do
    if string.sub(field, 1, 2) == 'a:' then inputs[string.sub(field, 3)] = true end
  end
  for name in pairs(inputs) do
    call('DEL', P .. 'hold:' .. name, P .. 'late:' .. name, P .. 'why:' .. name, P .. 'done:' .. name)
  end
  for _, key in ipairs({'deadlines', 'ready', 'early', 'leases', 'tombs', 'graves', 'notes'}) do
    call('DEL', P .. key)
  end
  call('DEL', META)
end
