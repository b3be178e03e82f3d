-- Takes a batch of one input in.
-- Payload: input (from 1), next offset, wall time that each input is read through, groups, notes
-- (session, length). A group is a session: its name, its first offset, its sensors in the batch,
-- and the offsets of its end markers. A sensor is its name, earliest and latest start, how far a
-- record at most lies behind the newest before it, earliest start of a valid record, and its runs
-- of one tile each (flat): tile, bytes, last window that may use it, lowest offset, bytes that
-- count, samples that count.
-- Bytes: per run the sensor's name, then per record a header and its feature; then the notes.
-- Answer: {0, repeats, dropped, due, open, size, full, groups, late}. Per group true, or the tiles
-- that were touched where its records were taken one by one; late samples as offset, distance,
-- reason.
--
-- Where no record of a group can be late and no cap is near, a run is taken as a whole: what one
-- record after the other would give is the same then, as no window that closes in between has
-- anything of a record that is not late. Otherwise records are taken one by one.
local answers = {}
for g, group in ipairs(payload[4]) do
  local name, sensors, ends = group[1], group[3], group[4]
  local s
  if #sensors > 0 and group[2] >= applied then
    s = open_session(name)
    if not s then return {2, 'a session is gone'} end
  else
    s = load_session(name)
  end
  if s then s.touched = {} end
  local whole = s and #ends == 0 and group[2] >= applied and not any_done and input.plain
  if whole then
    local places = places_of(s)
    whole = can_take_whole(s, sensors, places)
    if whole then
      take_whole(s, sensors, places)
      finish_session(s)
      answers[g] = true
    end
  end
  if not whole then
    s = take_one_by_one(s, name, records_of(sensors, ends))
    if s == false then return {2, 'a session is gone'} end
    local touched = {}
    for index in pairs(s and s.touched or {}) do touched[#touched + 1] = index end
    answers[g] = touched
  end
end

for _, note in ipairs(payload[5]) do
  local bytes = next_bytes(note[2])
  if call('ZSCORE', P .. 'deadlines', note[1]) then call('HSET', P .. 'notes', note[1], bytes) end
end
if any_done then call('ZREMRANGEBYSCORE', DONE, '-inf', '(' .. payload[2]) end
if any_late or #late > 0 then
  call('PEXPIRE', LATE, RETENTION_MS)
  call('PEXPIRE', WHY, RETENTION_MS)
end
save_counters('a:' .. input.name, max(applied, payload[2]))
return {0, repeats, dropped, waiting(), n.open, n.size, n.full, cmsgpack.pack(answers),
        cmsgpack.pack(late)}
