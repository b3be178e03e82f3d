-- Takes a batch of one input in.
-- Payload: input (from 1), next offset, then per session its name, the batch's sensors in it, and
-- per record: sensor, offset, start, bytes (0 for an invalid one). Bytes: per record its header and
-- feature, as a window keeps them.
-- Answer: {0, repeats, dropped, due, open, late...}, late as offset, distance, reason.
local lost = guard()
if lost then return lost end

local me = payload[1]
local input = spec.inputs[me]
local HOLD, LATE = P .. 'hold:' .. input.name, P .. 'late:' .. input.name
local WHY, DONE = P .. 'why:' .. input.name, P .. 'done:' .. input.name
local applied = tonumber(call('HGET', META, 'a:' .. input.name) or '0')
local any_done = call('EXISTS', DONE) == 1
local any_late = call('EXISTS', LATE) == 1
local repeats, dropped = 0, 0
-- The end of a header: not kept, no bytes.
local NO_FEATURE = struct.pack('<I2I4', 0, 0)
local late = {}

local function open_session(name)
  local s = load_session(name)
  if s then return s end
  -- In the register but gone: taken away by someone else.
  if call('ZSCORE', P .. 'deadlines', name) then return nil end
  s = new_session(name)
  s.new = true
  local tomb = call('HGET', P .. 'tombs', name)
  if tomb then
    local f = cmsgpack.unpack(tomb)
    s.closed = f[1]
    call('HSET', s.key, 'ev', f[2])
    call('HDEL', P .. 'tombs', name)
    call('ZREM', P .. 'graves', name)
  end
  call('ZADD', P .. 'deadlines', next_deadline(s), name)
  return s
end

-- A window that takes something of the record at this offset, opened where there is none.
local function keep(s, k, offset)
  local w = find_window(s, k)
  if not w then
    w = {f = {0, 0, 0, 0}}
    s.windows[k] = w
    s.open, open = s.open + 1, open + 1
    if k < s.first then s.first = k end
    call('ZADD', s.order, k, k)
    call('PEXPIRE', s.order, RETENTION_MS)
  end
  if not w.dirty then
    w.dirty = true
    if not holds(w, me) then
      w.f[HELD] = w.f[HELD] + 2 ^ (me - 1)
      call('ZADD', HOLD, 'NX', offset, k .. ':' .. s.name)
    end
  end
  return w
end

local function count(s, k, at, offset, kind)
  local f = keep(s, k, offset).f
  f[OWN] = 1
  for i = #f + 1, COUNTS + 3 * #s.sensors do f[i] = 0 end
  local i = COUNTS + 3 * (at - 1) + kind
  f[i] = f[i] + 1
end

-- Gives a window the record whose bytes end before `bytes_at`. Records that lie side by side in
-- the batch are cut out together.
local function add(w, length)
  local from, to = bytes_at - length, bytes_at - 1
  if not w.pieces then
    -- The first piece is left for what goes before the samples.
    w.pieces, w.from, w.to = {''}, from, to
  elseif w.to == from - 1 then
    w.to = to
  else
    w.pieces[#w.pieces + 1] = string.sub(ARGV[6], w.from, w.to)
    w.from, w.to = from, to
  end
end

-- The same without the feature, for a window that only counts it.
local function add_counted(w, length)
  local from = bytes_at - length
  if w.pieces then
    w.pieces[#w.pieces + 1] = string.sub(ARGV[6], w.from, w.to)
  else
    w.pieces = {''}
  end
  w.pieces[#w.pieces + 1] = string.sub(ARGV[6], from, from + 25) .. NO_FEATURE
  w.from, w.to = 1, 0
end

local function is_closed(s, k, limit)
  return (k + 1) * spec.size + spec.overhang <= limit or k <= s.closed
end

-- False where the record finds no window at all.
local function place(s, at, own, limit, done, offset, start, length)
  local from, to = own, own
  if input.nearest then
    local past = start - input.reference
    -- Not a unary minus: it would make a -0, which is another key.
    from = 0 - floor((input.tolerance - past) / spec.size)
    to = floor((past + input.tolerance) / spec.size)
  end
  local valid = length > 0
  if not valid then from, to = 0, -1 end
  local own_window = find_window(s, own)
  local fresh = (not done and not own_window) and 1 or 0
  for k = from, to do
    if k ~= own and not is_closed(s, k, limit) and not find_window(s, k) then fresh = fresh + 1 end
  end
  if fresh > 0 and s.open + fresh > spec.max_open then
    if done or not own_window then return false end
    count(s, own, at, offset, 3)
    return true
  end
  if not valid then
    if not done then count(s, own, at, offset, 2) end
    return true
  end
  if not done then
    local accepted = own_window and own_window.f[COUNTS + 3 * at - 2] or 0
    if accepted >= input.cap then
      count(s, own, at, offset, 3)
      return true
    end
    count(s, own, at, offset, 1)
    if own < from or own > to then add_counted(s.windows[own], length) end
  end
  local sensor = s.sensors[at]
  sensor[FIRST_END] = math.min(sensor[FIRST_END], (own + 1) * spec.size)
  for k = from, to do
    if (k == own and not done) or (k ~= own and not is_closed(s, k, limit)) then
      add(keep(s, k, offset), length)
    end
  end
  return true
end

local function take(s, at, woke, offset, start, length)
  local done = any_done and call('SREM', DONE, offset) == 1
  local sensor = s.sensors[at]
  local limit = sensor[NEWEST] - input.lateness
  if start > sensor[NEWEST] then sensor[NEWEST] = start end
  sensor[WALL], s.last = now, now
  if sensor[IDLE] == 1 or woke then
    sensor[IDLE] = 0
    call('ZADD', P .. 'deadlines', 'LT', now + input.idle_after, s.name)
  end
  local own = floor(start / spec.size)
  if not done and is_closed(s, own, limit) then
    if length > 0 then
      local reason, by = 1, (s.closed + 1) * spec.size - start
      if (own + 1) * spec.size + spec.overhang <= limit then reason, by = 0, limit - start end
      call('ZADD', LATE, offset, offset)
      call('HSET', WHY, offset, cmsgpack.pack({by, reason}))
      late[#late + 1] = {offset, by, reason}
    end
  elseif not place(s, at, own, limit, done, offset, start, length) then
    dropped = dropped + 1
  end
  -- This sensor is awake now: the watermark is not past its own.
  if (s.first + 1) * spec.size + spec.overhang <= sensor[NEWEST] - input.lateness then
    close_windows(s)
  end
end

for _, group in ipairs(payload[3]) do
  local name, names, numbers = group[1], group[2], group[3]
  local s, places
  for i = 1, #numbers, 4 do
    local offset, length = numbers[i + 1], numbers[i + 3]
    bytes_at = bytes_at + length
    if offset < applied then
      repeats = repeats + 1
      local why = any_late and call('HGET', WHY, offset)
      if why then
        local f = cmsgpack.unpack(why)
        late[#late + 1] = {offset, f[1], f[2]}
      end
    else
      if not s then
        s = open_session(name)
        if not s then return {2, 'a session is gone'} end
        places = {}
        for at, sensor in ipairs(s.sensors) do
          if sensor[INPUT] == me then places[sensor[NAME]] = at end
        end
      end
      local sensor = names[numbers[i]]
      local at, woke = places[sensor], false
      if not at then
        at, woke = places[NAMELESS], true
        if at then
          places[NAMELESS] = nil
          s.sensors[at][NAME] = sensor
        elseif #s.sensors < spec.max_sensors then
          at = #s.sensors + 1
          s.sensors[at] = {me, sensor, NEVER, now, 0, FOREVER}
        end
        places[sensor] = at
      end
      if at then
        take(s, at, woke, offset, numbers[i + 2], length)
      else
        dropped = dropped + 1
      end
    end
  end
  if s then
    local numbering = {struct.pack('<I2', #names)}
    for n, sensor in ipairs(names) do
      numbering[n + 1] = struct.pack('<I2', places[sensor] or 0)
    end
    s.numbering = table.concat(numbering)
    save_session(s)
    if s.new then call('PEXPIRE', s.key, RETENTION_MS) end
  end
end

if any_late or #late > 0 then
  call('PEXPIRE', LATE, RETENTION_MS)
  call('PEXPIRE', WHY, RETENTION_MS)
end
save_counters('a:' .. input.name, math.max(applied, payload[2]))
return {0, repeats, dropped, due - out, open, cmsgpack.pack(late)}
