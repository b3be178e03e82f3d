-- Hands out due windows by (completed, session), each session's in order; then early results, and
-- ends of sessions, by session. Payload: limit, lease_ms.
-- Answer: {0, groups, bytes...}. A group is a session, its sensors (input, name, first; flat), its
-- triggers, and rows: window, completed, watermark, idle sensors, tiles (index and number of
-- elements; flat), revision, cause (0: final, -1: the session's end), and of each held value that
-- is sent along its input and the window that was closed when it came. The bytes are the group's
-- event state, then the held values of its rows.
local lost = guard() or end_leases(now)
if lost then return lost end

local limit, until_ms = payload[1], now + payload[2]
local READY, EARLY, LEASES = P .. 'ready', P .. 'early', P .. 'leases'
local groups, answer, taken = {}, {0, ''}, 0

local function held_for(s, window)
  local best = {}
  for _, held in ipairs(s.held) do
    if held[H_START] < window + spec.size and held[H_AFTER] < window then
      local former = best[held[H_SENSOR]]
      if not former or held[H_START] > former[H_START]
          or held[H_START] == former[H_START] and held[H_OFFSET] > former[H_OFFSET] then
        best[held[H_SENSOR]] = held
      end
    end
  end
  return best
end

local function hand_out(s, window, completed, watermark, idle, revision, cause)
  local tiles = {}
  local last = floor((window + spec.size + spec.overhang) / TILE)
  for i = position_of(s.tiles, floor((window - spec.backward) / TILE)), #s.tiles do
    local index = s.tiles[i]
    if index > last then break end
    tiles[#tiles + 1] = index
    tiles[#tiles + 1] = tile_of(s, index)[ELEMENTS]
  end
  local held = {}
  for at, value in pairs(#s.held > 0 and held_for(s, window) or {}) do
    local bytes = call('HGET', P .. 'h:' .. s.name, s.sensors[at][INPUT] .. ':' .. value[H_OFFSET])
    if not bytes then return {2, 'a held value is gone'} end
    held[#held + 1] = {s.sensors[at][INPUT] - 1, value[H_AFTER]}
    answer[#answer + 1] = bytes
  end
  s.rows[#s.rows + 1] = {window, completed, watermark, idle, tiles, revision, cause, held}
  taken = taken + 1
  return nil
end

local function open_leased(name)
  local s = load_session(name)
  if not s then return nil end
  answer[#answer + 1] = s.has_state == 1 and call('GET', P .. 'e:' .. name) or ''
  s.rows = {}
  local sensors = {}
  for _, sensor in ipairs(s.sensors) do
    sensors[#sensors + 1] = sensor[INPUT] - 1
    sensors[#sensors + 1] = sensor[NAME]
    sensors[#sensors + 1] = sensor[FIRST]
  end
  groups[#groups + 1] = {name, sensors, s.triggers, s.rows}
  return s
end

while taken < limit do
  local name = call('ZRANGE', READY, 0, 0)[1]
  if not name then break end
  local s = open_leased(name)
  if not s then return {2, 'a session with a due window is gone'} end
  local window = window_after(s, s.acked)
  while window and window <= s.closed and taken < limit do
    local closing = closing_of(s, window)
    local revision = revision_of(s, window)
    local gone = hand_out(s, window, closing[C_AT], closing[C_WATERMARK], closing[C_IDLE],
                          revision and revision[R_NUMBER] or 0, 0)
    if gone then return gone end
    n.out = n.out + 1
    s.leased = window
    window = window_after(s, window)
  end
  call('ZREM', READY, name)
  call('ZADD', LEASES, until_ms, name)
  save_session(s)
end

for _, name in ipairs(taken < limit and call('ZRANGE', EARLY, 0, -1) or {}) do
  if taken >= limit then break end
  local s = open_leased(name)
  if not s then return {2, 'a session with an early result is gone'} end
  local due = {}
  for _, revision in ipairs(s.revisions) do
    if revision[R_CAUSE] ~= 0 then due[#due + 1] = revision end
  end
  table.sort(due, function(a, b) return a[R_WINDOW] < b[R_WINDOW] end)
  local idle = {}
  for at, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 1 then idle[#idle + 1] = at end
  end
  for _, revision in ipairs(due) do
    if taken >= limit then break end
    local gone = hand_out(s, revision[R_WINDOW], s.last, s.watermark, idle, revision[R_NUMBER],
                          revision[R_CAUSE])
    if gone then return gone end
    set_cause(s, revision, 0)
    revision[R_NUMBER] = revision[R_NUMBER] + 1
  end
  if s.over == 1 and taken < limit then
    s.rows[#s.rows + 1] = {s.closed, s.last, NEVER, {}, {}, 0, -1, {}}
    taken = taken + 1
    s.over = 2
    n.ends = n.ends - 1
    call('ZADD', LEASES, until_ms, name)
  end
  settle_early(s)
  save_session(s)
end

save_counters()
answer[2] = cmsgpack.pack(groups)
return answer
