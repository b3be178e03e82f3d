-- Hands out due windows by (completed, session), each session's in order. Payload: limit, lease_ms.
-- Answer: {0, rows, bytes...}; a row is session, index, fields, sensors, and whether its session
-- has an event state. The bytes are each window's samples, followed by that state if there is one.
-- They are not put together into one: a string of megabytes costs more than many of kilobytes.
local lost = guard() or end_leases(now)
if lost then return lost end

local limit, until_ms = payload[1], now + payload[2]
local READY = P .. 'ready'
local rows, answer, touched = {}, {0, ''}, {}

while #rows < limit do
  local name = call('ZRANGE', READY, 0, 0)[1]
  if not name then break end
  local s = touched[name]
  if not s then
    s = load_session(name)
    if not s then return {2, 'a session with a due window is gone'} end
    s.state = call('HGET', s.key, 'ev') or ''
    s.next = first_window(s, '-inf', s.closed)
    touched[name] = s
  end
  local k = s.next
  local w = k and find_window(s, k)
  if not w then return {2, 'a due window is gone'} end
  local chunks = call('LRANGE', window_key(s, k), 0, -1)
  if #chunks ~= w.f[CHUNKS] then return {2, 'samples of a due window are gone'} end
  rows[#rows + 1] = {name, k, w.f, s.sensors, s.state ~= ''}
  answer[#answer + 1] = table.concat(chunks)
  if s.state ~= '' then answer[#answer + 1] = s.state end
  out = out + 1
  s.leased = k
  s.next = first_window(s, k + 1, s.closed)
  if s.next then
    call('ZADD', READY, find_window(s, s.next).f[COMPLETED], name)
  else
    call('ZREM', READY, name)
  end
end

for name, s in pairs(touched) do
  call('ZREM', READY, name)
  call('ZADD', P .. 'leases', until_ms, name)
  call('HSET', s.key, 'st', pack_session(s))
end
save_counters()
answer[2] = cmsgpack.pack(rows)
return answer
