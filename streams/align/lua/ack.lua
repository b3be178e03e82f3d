-- Removes published windows and late samples.
-- Payload: per session its name, its newest window, whether it is over, and the length of its event
-- state (-1: none new); then late samples as input, offset. Bytes: the event states.
-- Answer: {0, tiles, input, committable offset, ...}; tiles: per session the first that is left
-- (false: none, as the session is forgotten).
local lost = guard()
if lost then return lost end

local function save_state(s, state)
  if not state then return end
  if state ~= '' then
    call('SET', P .. 'e:' .. s.name, state, 'PX', RETENTION_MS)
  elseif s.has_state == 1 then
    call('UNLINK', P .. 'e:' .. s.name)
  end
  s.has_state = state ~= '' and 1 or 0
end

-- Of what is held, what a later window may still choose; see kept.forget_held.
local function forget_held(s, window)
  local horizon = window + spec.size
  table.sort(s.held, function(a, b)
    if a[H_START] ~= b[H_START] then return a[H_START] < b[H_START] end
    return a[H_OFFSET] < b[H_OFFSET]
  end)
  local by_sensor = {}
  for _, held in ipairs(s.held) do
    local at = held[H_SENSOR]
    local left = by_sensor[at] or {}
    if held[H_START] + spec.inputs[s.sensors[at][INPUT]].max_age >= horizon then
      if held[H_START] <= horizon and held[H_AFTER] <= window then left = {} end
      left[#left + 1] = held
    end
    by_sensor[at] = left
  end
  local kept = {}
  for _, left in pairs(by_sensor) do
    for _, held in ipairs(left) do
      kept[held] = true
    end
  end
  local all = {}
  for _, held in ipairs(s.held) do
    if kept[held] then
      all[#all + 1] = held
    else
      s.size = s.size - held[H_SIZE]
      call('HDEL', P .. 'h:' .. s.name, s.sensors[held[H_SENSOR]][INPUT] .. ':' .. held[H_OFFSET])
    end
  end
  s.held = all
end

local function acknowledge(s, window)
  local each = window_after(s, s.acked)
  while each and each <= window do
    n.due = n.due - 1
    if each <= s.leased then n.out = n.out - 1 end
    each = window_after(s, each)
  end
  s.acked = window
  local closings, revisions = {}, {}
  for _, closing in ipairs(s.closings) do
    if closing[C_THROUGH] > window then closings[#closings + 1] = closing end
  end
  for _, revision in ipairs(s.revisions) do
    if revision[R_WINDOW] > window then revisions[#revisions + 1] = revision end
  end
  s.closings, s.revisions = closings, revisions
  if #s.held > 0 then
    forget_held(s, window)
    find_lowest(s)
  end
  forget(s)
  if s.leased ~= NEVER and s.leased <= window then
    s.leased = NEVER
    call('ZREM', P .. 'leases', s.name)
  end
  if s.leased == NEVER then queue(s) end
end

local left = {}
for i, group in ipairs(payload[1]) do
  local s = load_session(group[1])
  local window, over = group[2], group[3]
  local state = group[4] >= 0 and next_bytes(group[4])
  left[i] = s and (s.tiles[1] or FOREVER) or false
  if s and over == 1 then
    save_state(s, state)
    call('ZREM', P .. 'leases', s.name)
    if s.over ~= 0 then
      if s.over == 1 then n.ends = n.ends - 1 end
      bury(s)
      left[i] = false
    else
      queue(s)
      save_session(s)
    end
  elseif s and s.acked < window and window <= s.closed then
    save_state(s, state)
    acknowledge(s, window)
    save_session(s)
    left[i] = s.tiles[1] or FOREVER
  end
end

for _, row in ipairs(payload[2]) do
  call('ZREM', P .. 'late:' .. row[1], row[2])
  call('HDEL', P .. 'why:' .. row[1], row[2])
end

local answer = {0, cmsgpack.pack(left)}
for _, input in ipairs(spec.inputs) do
  local offset = tonumber(call('HGET', META, 'a:' .. input.name) or nil)
  if offset then
    for _, key in ipairs({'hold:', 'late:'}) do
      local low = call('ZRANGE', P .. key .. input.name, 0, 0, 'WITHSCORES')[2]
      if low then offset = min(offset, tonumber(low)) end
    end
    answer[#answer + 1] = input.name
    answer[#answer + 1] = offset
  end
end
save_counters()
return answer
