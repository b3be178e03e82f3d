-- Takes a batch of one input in.
-- Payload: input (from 1), next offset, wall time that each input is read through, groups, notes
-- (session, length). A group is a session: its name, its first offset, its sensors in the batch,
-- and the offsets of its end markers. A sensor is its name, earliest and latest start, how far a
-- record at most lies behind the newest before it, earliest start of a valid record, and its runs
-- of one tile each (flat): tile, bytes, last window that may use it, lowest offset, bytes that
-- count, samples that count.
-- Bytes: per run the sensor's name, then per record a header and its feature; then the notes.
-- Answer: {0, repeats, dropped, due, open, size, full, groups, late}. Per group true, or the tiles
-- that were touched where its records were taken one by one; late samples as offset, distance,
-- reason.
--
-- Where no record of a group can be late and no cap is near, a run is taken as a whole: what one
-- record after the other would give is the same then, as no window that closes in between has
-- anything of a record that is not late. Otherwise records are taken one by one.
local lost = guard()
if lost then return lost end

local me, through = payload[1], payload[3]
local input = spec.inputs[me]
local LATE, WHY = P .. 'late:' .. input.name, P .. 'why:' .. input.name
local DONE = P .. 'done:' .. input.name
local applied = tonumber(call('HGET', META, 'a:' .. input.name) or '0')
local any_done = call('EXISTS', DONE) == 1
local any_late = call('EXISTS', LATE) == 1
local SAMPLE, PART, INVALID, DROPPED = 0, 1, 2, 3
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

-- -- a group as a whole ---------------------------------------------------------------------------

local function can_take_whole(s, sensors, places)
  if s.over ~= 0 or s.ended ~= NEVER then return false end
  local size, fresh = 0, {}
  local count = 0
  for _, from in ipairs(sensors) do
    local at = places[from[S_NAME]]
    local sensor = s.sensors[at or 0]
    if not sensor or sensor[IDLE] == 1 then return false end
    if from[S_EARLIEST] < sensor[NEWEST] - input.lateness or from[S_BEHIND] > input.lateness then
      return false
    end
    local runs = from[S_RUNS]
    for i = 1, #runs, STEP do
      local index, counted = runs[i], runs[i + 4]
      if not is_whole(index, s.closed) then return false end
      local tile = tile_of(s, index)
      if not tile then
        if not fresh[index] then
          fresh[index] = true
          count = count + 1
        end
      end
      if (tile and tile[ACCEPTED][at] or 0) + runs[i + 5] > input.cap then return false end
      size = size + counted
      if input.overload ~= 'wait' and (tile and tile[SIZE] or 0) + size > spec.max_window then
        return false
      end
    end
  end
  if count > 0 and open_tiles(s) + count > spec.max_open then return false end
  return input.overload == 'wait' or s.size + size <= spec.max_session
end

local function take_whole(s, sensors, places)
  for _, from in ipairs(sensors) do
    local at, runs = places[from[S_NAME]], from[S_RUNS]
    for i = 1, #runs, STEP do
      local tile = tile_at(s, runs[i], runs[i + 2])
      note_record(s, tile, runs[i + 2], runs[i + 3])
      add_element(s, tile, next_bytes(runs[i + 1]), s.closed)
      tile[SIZE] = tile[SIZE] + runs[i + 4]
      s.size = s.size + runs[i + 4]
      if runs[i + 5] > 0 then accept(s, tile, at, runs[i + 5]) end
    end
    local sensor = s.sensors[at]
    sensor[NEWEST] = max(sensor[NEWEST], from[S_LATEST])
    sensor[WALL] = now
    if from[S_VALID] < FOREVER then serve(sensor, from[S_VALID], s.closed) end
  end
  s.last = now
  advance(s, through)
end

-- -- one by one -----------------------------------------------------------------------------------

-- Takes the bytes of the sample of this input that came first to a tile, and counts it as dropped.
local function drop_oldest(s, tile)
  local key = tile_key(s, tile[INDEX])
  for e = 1, tile[ELEMENTS] do
    if struct.unpack(PREFIX, call('LINDEX', key, 2 * e - 2)) == me then
      local bytes = call('LINDEX', key, 2 * e - 1)
      local at = 3 + struct.unpack('<H', bytes)
      while at <= #bytes do
        local length = struct.unpack('<I4', bytes, at + KIND_AT + 4)
        if length > 0 then
          call('LSET', key, 2 * e - 1, string.sub(bytes, 1, at + KIND_AT - 1) .. struct.pack('<BxxxI4', DROPPED, 0)
               .. string.sub(bytes, at + HEADER_BYTES + length))
          tile[SIZE], tile[CHANGED] = tile[SIZE] - length, true
          s.size = s.size - length
          s.touched[tile[INDEX]] = true
          return true
        end
        at = at + HEADER_BYTES
      end
    end
  end
  return false
end

local function drop_somewhere(s)
  for _, index in ipairs(s.tiles) do
    if is_whole(index, s.closed) and drop_oldest(s, tile_of(s, index)) then return true end
  end
  return false
end

local function has_room(s, tile, at, r)
  if r.kind == SAMPLE and (tile[ACCEPTED][at] or 0) >= input.cap then return false end
  if input.overload == 'wait' then return true end
  local size, oldest = r.length + HEADER_BYTES, input.overload == 'drop_oldest'
  while tile[SIZE] + size > spec.max_window do
    if not (oldest and is_whole(tile[INDEX], s.closed) and drop_oldest(s, tile)) then return false end
  end
  while s.size + size > spec.max_session do
    if not (oldest and drop_somewhere(s)) then return false end
  end
  return true
end

local function add_trigger(s, start, limit)
  local window = start - spec.before
  if window <= s.closed or window + SPAN <= limit then return true end
  local open, at = 0, 1
  for i, other in ipairs(s.triggers) do
    if other == window then return true end
    if other < window then at = i + 1 end
    if other > s.closed then open = open + 1 end
  end
  if open >= spec.max_open then return false end
  table.insert(s.triggers, at, window)
  return true
end

local function revise_late(s, start)
  if not spec.on_late then return end
  for _, revision in ipairs(s.revisions) do
    local window = revision[R_WINDOW]
    if window <= start and start < window + spec.size and window > s.closed
        and revision[R_SEEN] == 1 and revision[R_CAUSE] == 0 then
      set_cause(s, revision, CAUSE_LATE)
    end
  end
end

local function last_window(start)
  local use = start + input.ahead
  return spec.trigger and use or floor(use / TILE) * TILE
end

local function newest_held(s, at)
  local found
  for _, held in ipairs(s.held) do
    if held[H_SENSOR] == at and (not found or held[H_START] > found[H_START]
        or held[H_START] == found[H_START] and held[H_OFFSET] > found[H_OFFSET]) then
      found = held
    end
  end
  return found
end

local function element(r, kind)
  local feature = kind <= PART and string.sub(ARGV[6], r.at + HEADER_BYTES, r.at + HEADER_BYTES + r.length - 1) or ''
  return string.sub(ARGV[6], r.names, r.names_end) .. string.sub(ARGV[6], r.at, r.at + KIND_AT - 1)
         .. struct.pack('<BxxxI4', kind, #feature) .. feature
end

local function hold(s, at, r)
  call('HSET', P .. 'h:' .. s.name, me .. ':' .. r.offset, element(r, r.kind))
  if #s.held == 0 then call('PEXPIRE', P .. 'h:' .. s.name, RETENTION_MS) end
  s.held[#s.held + 1] = {at, r.start, r.offset, r.length + HEADER_BYTES, s.closed}
  s.size = s.size + r.length + HEADER_BYTES
  if s.low[me] < 0 or r.offset < s.low[me] then set_lowest(s, me, r.offset) end
end

-- False where there is no room to count the record even.
local function place(s, at, r, fits, limit, trigger, was_late)
  local kind, after = r.kind, s.closed
  if r.start < limit and input.matcher ~= 'hold' then after = max(s.closed, limit - SPAN) end
  if fits then
    local until_us = last_window(r.start)
    local tile = tile_at(s, floor(r.start / TILE), until_us)
    if not tile then return false end
    if trigger and not add_trigger(s, r.start, limit) then return false end
    if kind ~= INVALID and not has_room(s, tile, at, r) then
      if was_late then return false end
      kind = DROPPED
    end
    note_record(s, tile, until_us, r.offset)
    add_element(s, tile, element(r, kind), after)
    s.touched[tile[INDEX]] = true
    local size = HEADER_BYTES + (kind <= PART and r.length or 0)
    tile[SIZE] = tile[SIZE] + size
    s.size = s.size + size
    if kind == SAMPLE then accept(s, tile, at, 1) end
    revise_late(s, r.start)
  end
  if kind <= PART then
    serve(s.sensors[at], r.start, after)
    if input.matcher == 'hold' then hold(s, at, r) end
  end
  return true
end

local function late_reason(s, start, limit, trigger)
  if spec.trigger and not trigger then
    if start >= s.closed + spec.size then return nil end
    return start < limit and 0 or 1
  end
  local own = trigger and start - spec.before or first_own(start)
  if own + SPAN <= limit then return 0 end
  return own <= s.closed and 1 or nil
end

local function take(s, at, r, done)
  local sensor = s.sensors[at]
  local limit = sensor[NEWEST] - input.lateness
  if r.start > sensor[NEWEST] then sensor[NEWEST] = r.start end
  sensor[WALL], s.last = now, now
  if sensor[IDLE] == 1 then s.woke = true end
  sensor[IDLE], s.ended = 0, NEVER
  if s.over == 1 then n.ends = n.ends - 1 end
  if s.over ~= 0 then
    s.over = 0
    settle_early(s)
  end
  local trigger = r.kind ~= INVALID and spec.trigger and spec.trigger[1] == me
                  and spec.trigger[2] == sensor[NAME]
  local reason = late_reason(s, r.start, limit, trigger)
  local last = last_window(r.start)
  local fits = last > s.closed and last + SPAN > limit
  local usable = fits
  if input.matcher == 'hold' and r.kind ~= INVALID then
    local newest = newest_held(s, at)
    local serves = not newest or r.start > newest[H_START]
                   or r.start == newest[H_START] and r.offset > newest[H_OFFSET]
    usable = usable or serves
    if serves then reason = nil end
  end
  local was_late = false
  if reason and not done then
    if r.kind == INVALID then return end
    was_late = true
    if not is_late[r.offset] then
      local by = reason == 0 and limit - r.start or s.closed + spec.size + spec.before - r.start
      is_late[r.offset] = true
      call('ZADD', LATE, r.offset, r.offset)
      call('HSET', WHY, r.offset, cmsgpack.pack({by, reason}))
      late[#late + 1] = {r.offset, by, reason}
    end
  end
  if usable and not place(s, at, r, fits, limit, trigger, was_late) and not was_late then
    dropped = dropped + 1
  end
end

-- The records of a group, and its end markers, in order of offset.
local function records_of(sensors, ends)
  local records = {}
  for _, sensor in ipairs(sensors) do
    local runs = sensor[S_RUNS]
    for i = 1, #runs, STEP do
      local from, bytes = bytes_at, runs[i + 1]
      bytes_at = from + bytes
      local first = from + 2 + struct.unpack('<H', ARGV[6], from)
      local at = first
      while at < from + bytes do
        local offset, start, _, _, _, _, kind, length = struct.unpack(HEADER, ARGV[6], at)
        records[#records + 1] = {offset = offset, order = #records, start = start, kind = kind,
                                 sensor = sensor[S_NAME], length = length, at = at, names = from,
                                 names_end = first - 1}
        at = at + HEADER_BYTES + length
      end
    end
  end
  for _, offset in ipairs(ends) do
    records[#records + 1] = {offset = offset, start = 0, order = #records, is_end = true}
  end
  table.sort(records, function(a, b)
    if a.offset ~= b.offset then return a.offset < b.offset end
    if a.start ~= b.start then return a.start < b.start end
    return a.order < b.order
  end)
  return records
end

local function repeat_of(offset)
  repeats = repeats + 1
  local why = any_late and not is_late[offset] and call('HGET', WHY, offset)
  if why then
    local f = cmsgpack.unpack(why)
    is_late[offset] = true
    late[#late + 1] = {offset, f[1], f[2]}
  end
end

local function place_of(s, places, name)
  local at = places[name]
  if at then return at end
  at = places[NAMELESS]
  if at then
    places[NAMELESS] = nil
    s.sensors[at][NAME] = name
  elseif #s.sensors < spec.max_sensors then
    at = #s.sensors + 1
    s.sensors[at] = {me, name, NEVER, now, 0, FOREVER}
  else
    return nil
  end
  s.woke = true
  places[name] = at
  return at
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

-- Returns false where the state turns out to be lost.
local function take_one_by_one(s, name, records)
  local places = s and places_of(s)
  for _, r in ipairs(records) do
    if r.offset < applied then
      if not r.is_end then repeat_of(r.offset) end
    elseif r.is_end then
      if s then
        s.ended = now
        for _, sensor in ipairs(s.sensors) do
          if sensor[INPUT] == me then sensor[IDLE] = 1 end
        end
        call('ZADD', P .. 'deadlines', 'LT', now, name)
        advance(s, through)
      end
    else
      if not s then
        s = open_session(name)
        if not s then return false end
        s.touched = {}
        places = places_of(s)
      end
      local at = place_of(s, places, r.sensor)
      if at then
        take(s, at, r, any_done and call('ZSCORE', DONE, r.offset))
      else
        dropped = dropped + 1
      end
      advance(s, through)
    end
  end
  if s then finish_session(s) end
  return s
end

local answers = {}
for g, group in ipairs(payload[4]) do
  local name, sensors, ends = group[1], group[3], group[4]
  local s
  if #sensors > 0 and group[2] >= applied then
    s = open_session(name)
    if not s then return {2, 'a session is gone'} end
  else
    s = load_session(name)
  end
  if s then s.touched = {} end
  local whole = s and #ends == 0 and group[2] >= applied and not any_done and input.plain
  if whole then
    local places = places_of(s)
    whole = can_take_whole(s, sensors, places)
    if whole then
      take_whole(s, sensors, places)
      finish_session(s)
      answers[g] = true
    end
  end
  if not whole then
    s = take_one_by_one(s, name, records_of(sensors, ends))
    if s == false then return {2, 'a session is gone'} end
    local touched = {}
    for index in pairs(s and s.touched or {}) do touched[#touched + 1] = index end
    answers[g] = touched
  end
end

for _, note in ipairs(payload[5]) do
  local bytes = next_bytes(note[2])
  if call('ZSCORE', P .. 'deadlines', note[1]) then call('HSET', P .. 'notes', note[1], bytes) end
end
if any_done then call('ZREMRANGEBYSCORE', DONE, '-inf', '(' .. payload[2]) end
if any_late or #late > 0 then
  call('PEXPIRE', LATE, RETENTION_MS)
  call('PEXPIRE', WHY, RETENTION_MS)
end
save_counters('a:' .. input.name, max(applied, payload[2]))
return {0, repeats, dropped, waiting(), n.open, n.size, n.full, cmsgpack.pack(answers),
        cmsgpack.pack(late)}
