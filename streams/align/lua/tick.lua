-- Finds sensors idle and sessions over. Payload: wall time that each input is read through.
-- Answer: {0, due, open, size, full, sessions that are forgotten}.
local lost = guard() or end_leases(now)
if lost then return lost end

local through, everything = payload, FOREVER
for _, at in ipairs(through) do everything = min(everything, at) end
local gone = {}

for _, name in ipairs(call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', now)) do
  local s = load_session(name)
  if not s then return {2, 'a session is gone'} end
  local before = {}
  for i in ipairs(spec.inputs) do before[i] = lowest(s, i) end
  if s.last == NEVER then s.last = now end
  local all_idle = true
  for _, sensor in ipairs(s.sensors) do
    if sensor[WALL] == NEVER then sensor[WALL] = now end
    local silent = s.ended ~= NEVER and s.ended or sensor[WALL] + patience(sensor)
    if silent <= now and silent <= through[sensor[INPUT]] then sensor[IDLE] = 1 end
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
      s.over = 1
      n.ends = n.ends + 1
      call('ZADD', P .. 'early', 0, name)
    end
    for i in ipairs(spec.inputs) do save_lowest(s, i, before[i]) end
    save_session(s)
    for _, tile in ipairs(s.tiles) do call('PEXPIRE', tile_key(s, tile[INDEX]), RETENTION_MS) end
    call('PEXPIRE', P .. 'h:' .. name, RETENTION_MS)
    call('PEXPIRE', P .. 'e:' .. name, RETENTION_MS)
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
