-- Finds sensors idle and sessions over. Payload: wall time that each input is read through.
-- Answer: {0, due, open, size, full, sessions that are forgotten}.
local lost = guard() or end_leases(now)
if lost then return lost end

local through, everything = payload, FOREVER
for _, at in ipairs(through) do everything = min(everything, at) end
local gone = {}

-- The keys of a session live on for another while.
local function keep_alive(s)
  s.alive = now
  for _, index in ipairs(s.tiles) do call('PEXPIRE', tile_key(s, index), RETENTION_MS) end
  call('PEXPIRE', P .. 'h:' .. s.name, RETENTION_MS)
  call('PEXPIRE', P .. 'e:' .. s.name, RETENTION_MS)
end

for _, name in ipairs(call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', now)) do
  local s = load_session(name)
  if not s then return {2, 'a session is gone'} end
  local tiles, closed, watermark, waited = #s.tiles, s.closed, s.watermark, s.wait_ms
  local changed = false
  if s.last == NEVER then s.last, changed = now, true end
  local all_idle = true
  for _, sensor in ipairs(s.sensors) do
    if sensor[WALL] == NEVER then sensor[WALL], changed = now, true end
    local silent = s.ended ~= NEVER and s.ended or sensor[WALL] + patience(sensor)
    if sensor[IDLE] == 0 and silent <= now and silent <= through[sensor[INPUT]] then
      sensor[IDLE], changed = 1, true
    end
    all_idle = all_idle and sensor[IDLE] == 1
  end
  advance(s, through)
  call('ZADD', P .. 'deadlines', next_deadline(s), name)
  finish(s)
  local over = over_at(s)
  local is_over = all_idle and s.acked == s.closed and not window_after(s, s.closed)
                  and over <= now and over <= everything
  if is_over and s.has_state == 0 then
    bury(s)
    gone[#gone + 1] = name
  else
    if is_over and s.over == 0 then
      s.over, changed = 1, true
      n.ends = n.ends + 1
      call('ZADD', P .. 'early', 0, name)
    end
    if now - s.alive > RETENTION_MS / 4 then
      keep_alive(s)
      changed = true
    end
    -- Most sessions are only looked at.
    if changed or spec.revises or tiles ~= #s.tiles or closed ~= s.closed
        or watermark ~= s.watermark or waited ~= s.wait_ms then
      save_session(s)
    end
  end
end

for _, key in ipairs({'deadlines', 'ready', 'early', 'leases', 'tombs', 'graves', 'notes'}) do
  call('PEXPIRE', P .. key, RETENTION_MS)
end
for _, input in ipairs(spec.inputs) do
  call('PEXPIRE', P .. 'hold:' .. input.name, RETENTION_MS)
end
save_counters()
return {0, waiting(), n.open, n.size, n.full, cmsgpack.pack(gone)}
