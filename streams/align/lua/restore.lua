-- Replaces the shard's state by what the results topic knows. Answer: {0, version}.
-- Payload: sessions (name, closed, sensors, length of the event state, revisions), done offsets and
-- the next offset per input. Bytes: the event states.
local meta = call('HMGET', META, 'owner', 'ver')
if meta[1] and meta[1] ~= OWNER then return {1, meta[1]} end
local version = tonumber(meta[2] or '0') + 1
wipe()
set_counters({})
local sessions, done, committed = payload[1], payload[2], payload[3]
call('HSET', META, 'owner', OWNER, 'ver', version, 'spec', spec.digest)
for _, row in ipairs(committed) do call('HSET', META, 'a:' .. row[1], row[2]) end
for _, row in ipairs(sessions) do
  local s = new_session(row[1])
  s.closed, s.acked, s.sensors, s.last = row[2], row[2], row[3], NEVER
  local state = next_bytes(row[4])
  if state ~= '' then
    s.has_state = 1
    call('SET', P .. 'e:' .. s.name, state, 'PX', RETENTION_MS)
  end
  s.revisions = row[5]
  save_session(s)
  call('ZADD', P .. 'deadlines', 0, s.name)
end
for _, row in ipairs(done) do
  for _, offset in ipairs(row[2]) do call('ZADD', P .. 'done:' .. row[1], offset, offset) end
  call('PEXPIRE', P .. 'done:' .. row[1], RETENTION_MS)
end
save_counters()
return {0, version}
