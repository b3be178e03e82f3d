-- Takes the shard over. Answer: {0, version, fresh, input, next offset, ...}.
local meta = call('HMGET', META, 'ver', 'spec', 'due', 'out', 'open')
if not meta[1] or meta[2] ~= spec.digest then
  -- Windows of another shape cannot be gone on with; what is committed is read again.
  wipe()
  call('HSET', META, 'owner', OWNER, 'ver', 1, 'spec', spec.digest, 'due', 0, 'out', 0, 'open', 0)
  call('PEXPIRE', META, RETENTION_MS)
  return {0, 1, 1}
end
call('HSET', META, 'owner', OWNER)
due, out, open = tonumber(meta[3]), tonumber(meta[4]), tonumber(meta[5])
local answer = {0, call('HINCRBY', META, 'ver', 1), 0}
local lost = end_leases('+inf')
if lost then
  -- Half a state is none.
  wipe()
  call('HSET', META, 'owner', OWNER, 'ver', 1, 'spec', spec.digest, 'due', 0, 'out', 0, 'open', 0)
  return {0, 1, 1}
end
save_counters()
local fields = call('HGETALL', META)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 'a:' then
    answer[#answer + 1] = string.sub(fields[i], 3)
    answer[#answer + 1] = tonumber(fields[i + 1])
  end
end
return answer
