-- Shared by every script: the guard, a session's state, its watermark and closing.
-- The rules are written down in rules.py; this file repeats them for Redis, sample for sample.
--
-- KEYS[1] the shard's meta key. ARGV: owner, version, spec, now_ms, payload and, where it needs
-- any, raw bytes end to end (their lengths are in the payload).
-- Answers: {0, ...} done; {1, owner} fenced; {2, what} state lost.
-- Window indices stay below 1e13, so that tostring() is exact; times never become text.

local call = redis.call
local floor = math.floor
local NEVER, FOREVER = -9007199254740992, 9007199254740992
local NAMELESS = ''
local RECHECK_MS, MAX_TOMBSTONES = 250, 10000
-- Fields of one sensor.
local INPUT, NAME, NEWEST, WALL, IDLE, FIRST_END = 1, 2, 3, 4, 5, 6
-- Fields of one window; its sensors' accepted, invalid, dropped follow from COUNTS + 1 on. HELD has
-- a bit for each input that the window keeps from being committed.
local OWN, CHUNKS, COMPLETED, HELD, COUNTS = 1, 2, 3, 4, 4

local META = KEYS[1]
local P = string.sub(META, 1, -5)
local OWNER, VERSION = ARGV[1], ARGV[2]
local spec = cmsgpack.unpack(ARGV[3])
local now = tonumber(ARGV[4])
local payload = cmsgpack.unpack(ARGV[5])
-- A safety net for shards that nobody works on any more; all others are cleaned up by their ticks.
-- A week at least: a long backlog may leave an open window untouched for days.
local RETENTION_MS = math.max(6 * spec.timeout, 604800000)

-- Counters of the shard: due (not yet acknowledged), out (of those, on lease), open.
local due, out, open = 0, 0, 0

-- Cuts the next bytes off ARGV[6].
local bytes_at = 1
local function next_bytes(length)
  local from = bytes_at
  bytes_at = from + length
  return string.sub(ARGV[6], from, bytes_at - 1)
end

local function guard()
  local meta = call('HMGET', META, 'owner', 'ver', 'due', 'out', 'open')
  if not meta[1] then return {2, 'none'} end
  if meta[1] ~= OWNER then return {1, meta[1]} end
  if meta[2] ~= VERSION then return {2, 'version ' .. meta[2]} end
  -- The first write: out of memory, it fails before anything has changed.
  call('HINCRBY', META, 'ver', 1)
  due, out, open = tonumber(meta[3]), tonumber(meta[4]), tonumber(meta[5])
  return nil
end

local function save_counters(...)
  call('HSET', META, 'due', due, 'out', out, 'open', open, ...)
  call('PEXPIRE', META, RETENTION_MS)
end

local function window_key(s, k) return P .. 'w:' .. k .. ':' .. s.name end

local function new_session(name)
  local sensors = {}
  for at, input in ipairs(spec.inputs) do
    for _, sensor in ipairs(#input.declared > 0 and input.declared or {NAMELESS}) do
      sensors[#sensors + 1] = {at, sensor, NEVER, now, 0, FOREVER}
    end
  end
  return {name = name, key = P .. 's:' .. name, order = P .. 'o:' .. name,
          closed = NEVER, leased = NEVER, open = 0, first = FOREVER, last = now,
          sensors = sensors, windows = {}}
end

local function load_session(name)
  local key = P .. 's:' .. name
  local raw = call('HGET', key, 'st')
  if not raw then return nil end
  local f = cmsgpack.unpack(raw)
  return {name = name, key = key, order = P .. 'o:' .. name,
          closed = f[1], leased = f[2], open = f[3], first = f[4], last = f[5],
          sensors = f[6], windows = {}}
end

local function pack_session(s)
  return cmsgpack.pack({s.closed, s.leased, s.open, s.first, s.last, s.sensors})
end

-- Adds what a window gained in this call: the length of its samples, the positions in the session
-- of the sensors that the batch numbers, and the samples as they came. They are not put together
-- first, as copying them costs more than the elements do; reading them does that.
local function save_samples(s, k, w)
  local pieces, f = w.pieces, w.f
  pieces[#pieces + 1] = string.sub(ARGV[6], w.from, w.to)
  local length = 0
  for i = 2, #pieces do length = length + #pieces[i] end
  pieces[1] = struct.pack('<I4', length) .. s.numbering
  -- The call's arguments have to fit Lua's stack.
  if #pieces > 1000 then pieces = {table.concat(pieces)} end
  local key = window_key(s, k)
  call('RPUSH', key, unpack(pieces))
  if f[CHUNKS] == 0 then call('PEXPIRE', key, RETENTION_MS) end
  f[CHUNKS] = f[CHUNKS] + #pieces
end

-- Writes the session, the windows that changed, and the samples they gained.
local function save_session(s)
  local fields, n = {'st', pack_session(s)}, 2
  for k, w in pairs(s.windows) do
    if w and w.dirty then
      if w.pieces then save_samples(s, k, w) end
      fields[n + 1] = k
      fields[n + 2] = cmsgpack.pack(w.f)
      n = n + 2
    end
    if n > 1000 then
      call('HSET', s.key, unpack(fields))
      fields, n = {}, 0
    end
  end
  if n > 0 then call('HSET', s.key, unpack(fields)) end
end

-- The window if it exists, else false; kept for the rest of the call.
local function find_window(s, k)
  local w = s.windows[k]
  if w == nil then
    local raw = call('HGET', s.key, k)
    w = raw and {f = cmsgpack.unpack(raw)} or false
    s.windows[k] = w
  end
  return w
end

-- Whether a window keeps offsets of an input from being committed.
local function holds(w, input)
  return floor(w.f[HELD] / 2 ^ (input - 1)) % 2 == 1
end

local function remove_window(s, k, w)
  local member = k .. ':' .. s.name
  call('DEL', window_key(s, k))
  call('HDEL', s.key, k)
  call('ZREM', s.order, k)
  for at, input in ipairs(spec.inputs) do
    if holds(w, at) then call('ZREM', P .. 'hold:' .. input.name, member) end
  end
  s.windows[k] = false
end

-- The first window with an index in [from, to], or nil.
local function first_window(s, from, to)
  return tonumber(call('ZRANGEBYSCORE', s.order, from, to, 'LIMIT', 0, 1)[1])
end

local function watermark(s)
  local low = FOREVER
  for _, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 0 then
      local own = sensor[NEWEST] - spec.inputs[sensor[INPUT]].lateness
      if own < low then low = own end
    end
  end
  return low
end

local function patience(sensor)
  local input = spec.inputs[sensor[INPUT]]
  if not input.expected and sensor[NEWEST] == NEVER and sensor[FIRST_END] == FOREVER then
    return 0
  end
  return input.idle_after
end

local function close_windows(s)
  if s.first == FOREVER then return end
  local limit = watermark(s)
  while s.first ~= FOREVER and (s.first + 1) * spec.size + spec.overhang <= limit do
    local k = s.first
    local w = find_window(s, k)
    if w.f[OWN] == 1 then
      w.f[COMPLETED], w.dirty = now, true
      s.closed = k
      due = due + 1
      if s.leased == NEVER then call('ZADD', P .. 'ready', 'NX', now, s.name) end
    else
      remove_window(s, k, w)
    end
    s.open, open = s.open - 1, open - 1
    s.first = s.open > 0 and first_window(s, k + 1, '+inf') or FOREVER
  end
end

local function next_deadline(s)
  local soonest
  local function consider(at)
    if at <= now then at = now + RECHECK_MS end
    if not soonest or at < soonest then soonest = at end
  end
  for _, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 0 then consider(sensor[WALL] + patience(sensor)) end
  end
  if not soonest then consider(s.last + spec.timeout) end
  return soonest
end

-- Puts a session without a lease where the next lease finds it, if it has a due window.
local function queue(s)
  local head = s.closed ~= NEVER and first_window(s, '-inf', s.closed)
  if head then
    call('ZADD', P .. 'ready', find_window(s, head).f[COMPLETED], s.name)
  else
    call('ZREM', P .. 'ready', s.name)
  end
end

-- Ends the leases that run out by the given time.
local function end_leases(by)
  local names = call('ZRANGEBYSCORE', P .. 'leases', '-inf', by)
  for _, name in ipairs(names) do
    local s = load_session(name)
    if not s then return {2, 'a leased session is gone'} end
    out = out - call('ZCOUNT', s.order, '-inf', s.leased)
    s.leased = NEVER
    call('HSET', s.key, 'st', pack_session(s))
    call('ZREM', P .. 'leases', name)
    queue(s)
  end
  return nil
end

-- Deletes every key of the shard, found through its sessions.
local function wipe()
  for _, name in ipairs(call('ZRANGE', P .. 'deadlines', 0, -1)) do
    for _, k in ipairs(call('ZRANGE', P .. 'o:' .. name, 0, -1)) do
      call('DEL', P .. 'w:' .. k .. ':' .. name)
    end
    call('DEL', P .. 's:' .. name, P .. 'o:' .. name)
  end
  local inputs = {}
  for _, input in ipairs(spec.inputs) do inputs[input.name] = true end
  for _, field in ipairs(call('HKEYS', META)) do
    if string.sub(field, 1, 2) == 'a:' then inputs[string.sub(field, 3)] = true end
  end
  for name in pairs(inputs) do
    call('DEL', P .. 'hold:' .. name, P .. 'late:' .. name, P .. 'why:' .. name, P .. 'done:' .. name)
  end
  call('DEL', META, P .. 'deadlines', P .. 'ready', P .. 'leases', P .. 'tombs', P .. 'graves')
end
