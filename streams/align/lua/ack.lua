-- Removes published windows and late samples.
-- Payload: per session its name, window indices and the length of its event state (-1: none new);
-- then late samples as input, offset. Bytes: the event states.
-- Answer: {0, input, committable offset, ...}.
local lost = guard()
if lost then return lost end

for _, group in ipairs(payload[1]) do
  local s = load_session(group[1])
  local state = group[3] >= 0 and next_bytes(group[3])
  local removed = false
  for _, k in ipairs(s and group[2] or {}) do
    local w = k <= s.closed and find_window(s, k)
    if w then
      remove_window(s, k, w)
      removed = true
      due = due - 1
      if k <= s.leased then out = out - 1 end
    end
  end
  if removed then
    if state then call('HSET', s.key, 'ev', state) end
    if s.leased ~= NEVER and not first_window(s, '-inf', s.leased) then
      s.leased = NEVER
      call('ZREM', P .. 'leases', s.name)
      call('HSET', s.key, 'st', pack_session(s))
    end
    if s.leased == NEVER then queue(s) end
  end
end

for _, row in ipairs(payload[2]) do
  call('ZREM', P .. 'late:' .. row[1], row[2])
  call('HDEL', P .. 'why:' .. row[1], row[2])
end

local answer = {0}
for _, input in ipairs(spec.inputs) do
  local offset = tonumber(call('HGET', META, 'a:' .. input.name) or nil)
  if offset then
    for _, key in ipairs({'hold:', 'late:'}) do
      local lowest = call('ZRANGE', P .. key .. input.name, 0, 0, 'WITHSCORES')[2]
      if lowest then offset = math.min(offset, tonumber(lowest)) end
    end
    answer[#answer + 1] = input.name
    answer[#answer + 1] = offset
  end
end
save_counters()
return answer
