-- Takes a group of records in as a whole, where none can be late and no cap is near.

local function can_take_whole(s, sensors, places)
  if s.over ~= 0 or s.ended ~= NEVER or s.done[me] == 1 then return false end
  local size, fresh = 0, {}
  local count = 0
  for _, from in ipairs(sensors) do
    local at = places[from[S_NAME]]
    local sensor = s.sensors[at or 0]
    if not sensor or sensor[IDLE] == 1 then return false end
    if from[S_EARLIEST] < sensor[NEWEST] - input.lateness or from[S_BEHIND] > input.lateness then
      return false
    end
    local runs = from[S_RUNS]
    for i = 1, #runs, STEP do
      local index, counted = runs[i], runs[i + 4]
      if not is_whole(index, s.closed) then return false end
      local tile = tile_of(s, index)
      if not tile then
        if not fresh[index] then
          fresh[index] = true
          count = count + 1
        end
      end
      if (tile and tile[ACCEPTED][at] or 0) + runs[i + 5] > input.cap then return false end
      size = size + counted
      if input.overload ~= 'wait' and (tile and tile[SIZE] or 0) + size > spec.max_window then
        return false
      end
    end
  end
  if count > 0 and open_tiles(s) + count > spec.max_open then return false end
  return input.overload == 'wait' or s.size + size <= spec.max_session
end

local function take_whole(s, sensors, places)
  for _, from in ipairs(sensors) do
    local at, runs = places[from[S_NAME]], from[S_RUNS]
    for i = 1, #runs, STEP do
      local tile = tile_at(s, runs[i], runs[i + 2])
      note_record(s, tile, runs[i + 2], runs[i + 3])
      add_element(s, tile, next_bytes(runs[i + 1]), s.closed)
      tile[SIZE] = tile[SIZE] + runs[i + 4]
      s.size = s.size + runs[i + 4]
      if runs[i + 5] > 0 then accept(s, tile, at, runs[i + 5]) end
    end
    local sensor = s.sensors[at]
    sensor[NEWEST] = max(sensor[NEWEST], from[S_LATEST])
    sensor[WALL] = now
    if from[S_VALID] < FOREVER then serve(sensor, from[S_VALID], s.closed) end
  end
  s.last = now
  advance(s, through)
end
