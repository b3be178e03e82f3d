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
