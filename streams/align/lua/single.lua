-- Takes the records of a group in one by one.

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
    if kind <= PART and not has_room(s, tile, at, r) then
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
  sensor[IDLE], s.ended, s.done[me] = 0, NEVER, 0
  if s.over == 1 then n.ends = n.ends - 1 end
  if s.over ~= 0 then
    s.over = 0
    settle_early(s)
  end
  local trigger = r.kind <= PART and spec.trigger and spec.trigger[1] == me
                  and spec.trigger[2] == sensor[NAME]
  local reason = late_reason(s, r.start, limit, trigger)
  local last = last_window(r.start)
  local fits = last > s.closed and last + SPAN > limit
  local usable = fits
  if input.matcher == 'hold' and r.kind <= PART then
    local newest = newest_held(s, at)
    local serves = not newest or r.start > newest[H_START]
                   or r.start == newest[H_START] and r.offset > newest[H_OFFSET]
    usable = usable or serves
    if serves then reason = nil end
  end
  local was_late = false
  if reason and not done then
    if r.kind > PART then return end
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

-- Returns false where the state turns out to be lost.
local function take_one_by_one(s, name, records)
  local places = s and places_of(s)
  for _, r in ipairs(records) do
    if r.offset < applied then
      if not r.is_end then repeat_of(r.offset) end
    elseif r.is_end then
      if s then
        s.done[me] = 1
        local all_done = true
        for _, sensor in ipairs(s.sensors) do
          if sensor[INPUT] == me then sensor[IDLE] = 1 end
          local seen = sensor[NEWEST] ~= NEVER or sensor[FIRST] ~= FOREVER
          all_done = all_done and (not seen or s.done[sensor[INPUT]] == 1)
        end
        if all_done then s.ended = now end
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
