-- Takes the shard over.
-- Answer: {0, version, fresh, notes (session and bytes in turn), input, next offset, ...}.
local meta = call('HMGET', META, 'ver', 'spec', unpack(COUNTERS))

local function start_over()
  wipe()
  call('HSET', META, 'owner', OWNER, 'ver', 1, 'spec', spec.digest)
  set_counters({})
  save_counters()
  return {0, 1, 1, {}}
end

-- Windows of another shape cannot be gone on with; what is committed is read again.
if not meta[1] or meta[2] ~= spec.digest then return start_over() end
call('HSET', META, 'owner', OWNER)
set_counters({unpack(meta, 3)})
local answer = {0, call('HINCRBY', META, 'ver', 1), 0, call('HGETALL', P .. 'notes')}
-- Half a state is none.
if end_leases('+inf') then return start_over() end
save_counters()
local fields = call('HGETALL', META)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 'a:' then
    answer[#answer + 1] = string.sub(fields[i], 3)
    answer[#answer + 1] = tonumber(fields[i + 1])
  end
end
return answer
