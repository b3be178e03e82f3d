-- How a session's watermark moves, what closes then, is looked at early, and is forgotten.

local function patience(sensor)
  local input = spec.inputs[sensor[INPUT]]
  if not input.expected and sensor[NEWEST] == NEVER and sensor[FIRST] == FOREVER then return 0 end
  return input.idle_after
end

local function over_at(s) return s.ended ~= NEVER and s.ended or s.last + spec.timeout end

local function next_deadline(s)
  local soonest
  local function consider(at)
    if at <= now then at = now + RECHECK_MS end
    if not soonest or at < soonest then soonest = at end
  end
  if s.ended == NEVER then
    for _, sensor in ipairs(s.sensors) do
      if sensor[IDLE] == 0 then consider(sensor[WALL] + patience(sensor)) end
    end
  end
  if not soonest then consider(over_at(s)) end
  return soonest
end

local function revision_of(s, window)
  for _, revision in ipairs(s.revisions) do
    if revision[R_WINDOW] == window then return revision end
  end
  return nil
end

local function set_cause(s, revision, cause)
  if revision[R_CAUSE] == 0 and cause ~= 0 then
    n.early = n.early + 1
    call('ZADD', P .. 'early', 0, s.name)
  elseif revision[R_CAUSE] ~= 0 and cause == 0 then
    n.early = n.early - 1
  end
  revision[R_CAUSE] = cause
end

-- Takes a session off the list of those with an early result or an end to make, if it has none.
local function settle_early(s)
  for _, revision in ipairs(s.revisions) do
    if revision[R_CAUSE] ~= 0 then return end
  end
  if s.over ~= 1 then call('ZREM', P .. 'early', s.name) end
end

local function close_windows(s)
  local window = window_after(s, s.closed)
  while window and window + SPAN <= s.watermark do
    s.closed = window
    n.due = n.due + 1
    local revision = revision_of(s, window)
    if revision then
      set_cause(s, revision, 0)
      settle_early(s)
    end
    window = window_after(s, window)
  end
end

-- Moves the watermark that counts, and closes what it has passed. `through` has the wall time
-- that each input is read through.
local function advance(s, through)
  local awake, idle_through = FOREVER, FOREVER
  for _, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 0 then
      awake = min(awake, sensor[NEWEST] - spec.inputs[sensor[INPUT]].lateness)
    else
      idle_through = min(idle_through, through[sensor[INPUT]])
    end
  end
  if idle_through == FOREVER then
    s.wait_us, s.wait_ms = NEVER, NEVER
    s.watermark = awake
  else
    if s.watermark == FOREVER and awake ~= FOREVER then s.watermark = NEVER end
    if s.wait_ms ~= NEVER and s.wait_ms <= idle_through then
      s.watermark = max(s.watermark, s.wait_us)
      s.wait_us, s.wait_ms = NEVER, NEVER
    end
    s.watermark = min(s.watermark, awake)
    if awake > s.watermark then
      if now <= idle_through then
        s.watermark = awake
        s.wait_us, s.wait_ms = NEVER, NEVER
      elseif s.wait_ms == NEVER or s.wait_ms == now then
        s.wait_us, s.wait_ms = awake, now
      end
    end
  end
  close_windows(s)
end

local function note_closing(s)
  local last = #s.closings > 0 and s.closings[#s.closings][C_THROUGH] or s.acked
  if s.closed <= last then return end
  local idle = {}
  for at, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 1 then idle[#idle + 1] = at end
  end
  s.closings[#s.closings + 1] = {s.closed, now, s.watermark, idle}
  if s.leased == NEVER and s.over ~= 2 then call('ZADD', P .. 'ready', 'NX', now, s.name) end
end

local function closing_of(s, window)
  for _, closing in ipairs(s.closings) do
    if closing[C_THROUGH] >= window then return closing end
  end
  return nil
end

local function note_early(s)
  if not spec.revises then return end
  local quickest = NEVER
  for _, sensor in ipairs(s.sensors) do
    if sensor[IDLE] == 0 then
      quickest = max(quickest, sensor[NEWEST] - spec.inputs[sensor[INPUT]].lateness)
    end
  end
  local window = window_after(s, s.closed)
  while window and window + spec.size <= max(quickest, s.watermark) do
    local revision = revision_of(s, window)
    if spec.allowed > 0 and window + spec.size + spec.overhang <= s.watermark then
      if not revision or revision[R_SEEN] == 0 then
        if not revision then
          revision = {window, 0, 0, 0}
          s.revisions[#s.revisions + 1] = revision
        end
        revision[R_SEEN] = 1
        set_cause(s, revision, CAUSE_WATERMARK)
      end
    elseif not revision and spec.early >= 0 and window + spec.size + spec.early <= quickest then
      revision = {window, 0, 0, 0}
      s.revisions[#s.revisions + 1] = revision
      set_cause(s, revision, CAUSE_EARLY)
    end
    window = window_after(s, window)
  end
end

-- Drops the first tiles, and triggers, that no window needs any more.
local function forget(s)
  local gone = 0
  for i, index in ipairs(s.tiles) do
    local tile = tile_of(s, index)
    if tile[UNTIL] > s.acked then
      local following = window_after(s, s.acked)
      if following and following <= tile[UNTIL] then break end
      if tile[UNTIL] + SPAN > s.watermark then break end
    end
    s.size = s.size - tile[SIZE]
    call('UNLINK', tile_key(s, index))
    gone = i
  end
  if gone > 0 then
    local left = {}
    for i = gone + 1, #s.tiles do left[#left + 1] = s.tiles[i] end
    s.tiles = left
    find_lowest(s)
  end
  if spec.trigger then
    local left, keep = {}, s.acked - spec.backward - spec.size
    for _, window in ipairs(s.triggers) do
      if window > s.acked or window >= keep then left[#left + 1] = window end
    end
    s.triggers = left
  end
end

-- What is looked at once a call, after a session's last record.
local function finish(s)
  note_closing(s)
  note_early(s)
  forget(s)
  if s.wait_ms ~= NEVER then call('ZADD', P .. 'deadlines', 'LT', now + RECHECK_MS, s.name) end
end

-- Puts a session without a lease where the next lease finds it, if it has a due window.
local function queue(s)
  local head = window_after(s, s.acked)
  if head and head <= s.closed then
    call('ZADD', P .. 'ready', closing_of(s, head)[C_AT], s.name)
  else
    call('ZREM', P .. 'ready', s.name)
  end
end

-- Ends the leases that run out by the given time.
local function end_leases(by)
  for _, name in ipairs(call('ZRANGEBYSCORE', P .. 'leases', '-inf', by)) do
    local s = load_session(name)
    if not s then return {2, 'a leased session is gone'} end
    local window = window_after(s, s.acked)
    while window and window <= s.leased do
      n.out = n.out - 1
      window = window_after(s, window)
    end
    s.leased = NEVER
    if s.over == 2 then
      s.over = 1
      n.ends = n.ends + 1
      call('ZADD', P .. 'early', 0, name)
    end
    save_session(s)
    call('ZREM', P .. 'leases', name)
    queue(s)
  end
  return nil
end

-- Forgets a session but for a gravestone.
local function bury(s)
  local state = s.has_state == 1 and call('GET', P .. 'e:' .. s.name) or ''
  for _, index in ipairs(s.tiles) do call('UNLINK', tile_key(s, index)) end
  n.open = n.open - s.was_open
  n.size = n.size - s.was_size
  n.full = n.full - s.was_full
  call('UNLINK', s.key, P .. 'e:' .. s.name, P .. 'h:' .. s.name)
  call('HDEL', P .. 'notes', s.name)
  for _, list in ipairs({'deadlines', 'ready', 'early', 'leases'}) do
    call('ZREM', P .. list, s.name)
  end
  for _, input in ipairs(spec.inputs) do call('ZREM', P .. 'hold:' .. input.name, s.name) end
  if s.closed == NEVER and state == '' then return end
  call('HSET', P .. 'tombs', s.name, cmsgpack.pack({s.closed, state}))
  call('ZADD', P .. 'graves', s.over == 0 and now or s.last, s.name)
  if call('ZCARD', P .. 'graves') > MAX_TOMBSTONES then
    call('HDEL', P .. 'tombs', call('ZPOPMIN', P .. 'graves')[1])
  end
end

-- Deletes every key of the shard, found through its sessions.
local function wipe()
  for _, name in ipairs(call('ZRANGE', P .. 'deadlines', 0, -1)) do
    -- What another version kept under this name may be no string.
    local raw = redis.pcall('GET', P .. 's:' .. name)
    for _, index in ipairs(type(raw) == 'string' and cmsgpack.unpack(raw)[13] or {}) do
      call('UNLINK', P .. 'w:' .. index .. ':' .. name)
    end
    call('UNLINK', P .. 's:' .. name, P .. 'e:' .. name, P .. 'h:' .. name)
  end
  local inputs = {}
  for _, input in ipairs(spec.inputs) do inputs[input.name] = true end
  for _, field in ipairs(call('HKEYS', META)) do
    if string.sub(field, 1, 2) == 'a:' then inputs[string.sub(field, 3)] = true end
  end
  for name in pairs(inputs) do
    call('DEL', P .. 'hold:' .. name, P .. 'late:' .. name, P .. 'why:' .. name, P .. 'done:' .. name)
  end
  for _, key in ipairs({'deadlines', 'ready', 'early', 'leases', 'tombs', 'graves', 'notes'}) do
    call('DEL', P .. key)
  end
  call('DEL', META)
end
