-- Takes a shard over.
-- KEYS: meta, journal, saves. ARGV: owner, digest of the spec, milliseconds to live.
-- Answer: {version, fresh, number of the journal's first entry, entries, saves, fields of meta...}.
local meta, journal, saves = KEYS[1], KEYS[2], KEYS[3]
local kept = redis.call('HMGET', meta, 'spec', 'entries', 'saves')

-- Windows of another shape cannot be gone on with, and half a state is none: what is committed is
-- read again.
if kept[1] ~= ARGV[2]
    or tonumber(kept[2]) ~= redis.call('LLEN', journal)
    or tonumber(kept[3]) ~= redis.call('HLEN', saves) then
  redis.call('UNLINK', meta, journal, saves)
  redis.call('HSET', meta, 'owner', ARGV[1], 'ver', 1, 'spec', ARGV[2], 'first', 0,
             'entries', 0, 'saves', 0)
  redis.call('PEXPIRE', meta, ARGV[3])
  return {1, 1, 0, 0, 0}
end

redis.call('HSET', meta, 'owner', ARGV[1])
local version = redis.call('HINCRBY', meta, 'ver', 1)
local first = tonumber(redis.call('HGET', meta, 'first'))
local answer = {version, 0, first, tonumber(kept[2]), tonumber(kept[3])}
for _, field in ipairs(redis.call('HGETALL', meta)) do answer[#answer + 1] = field end
return answer
