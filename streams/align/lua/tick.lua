-- Finds sensors idle and sessions over. Payload: positions (from 1) of the inputs caught up.
-- Answer: {0, due}.
local lost = guard() or end_leases(now)
if lost then return lost end

local caught_up, n = {}, 0
for _, at in ipairs(payload) do
  caught_up[at] = true
  n = n + 1
end
local everything_read = n == #spec.inputs

local function bury(s)
  local state = call('HGET', s.key, 'ev') or ''
  call('DEL', s.key, s.order)
  call('ZREM', P .. 'deadlines', s.name)
  if s.closed == NEVER and state == '' then return end
  call('HSET', P .. 'tombs', s.name, cmsgpack.pack({s.closed, state}))
  call('ZADD', P .. 'graves', now, s.name)
  if call('ZCARD', P .. 'graves') > MAX_TOMBSTONES then
    call('HDEL', P .. 'tombs', call('ZPOPMIN', P .. 'graves')[1])
  end
end

for _, name in ipairs(call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', now)) do
  local s = load_session(name)
  if not s then return {2, 'a session is gone'} end
  if s.last == NEVER then s.last = now end
  local all_idle = true
  for _, sensor in ipairs(s.sensors) do
    if sensor[WALL] == NEVER then sensor[WALL] = now end
    if sensor[IDLE] == 0 and caught_up[sensor[INPUT]]
        and now - sensor[WALL] >= patience(sensor) then
      sensor[IDLE] = 1
    end
    all_idle = all_idle and sensor[IDLE] == 1
  end
  close_windows(s)
  if all_idle and everything_read and now - s.last >= spec.timeout
      and call('ZCARD', s.order) == 0 then
    bury(s)
  else
    save_session(s)
    call('PEXPIRE', s.key, RETENTION_MS)
    call('PEXPIRE', s.order, RETENTION_MS)
    call('ZADD', P .. 'deadlines', next_deadline(s), name)
  end
end

for _, key in ipairs({'deadlines', 'ready', 'leases', 'tombs', 'graves'}) do
  call('PEXPIRE', P .. key, RETENTION_MS)
end
for _, input in ipairs(spec.inputs) do
  call('PEXPIRE', P .. 'hold:' .. input.name, RETENTION_MS)
end
save_counters()
return {0, due - out}
