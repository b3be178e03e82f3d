-- Replaces whatever there is of a shard.
-- KEYS: meta, journal, saves. ARGV: owner, digest of the spec, milliseconds to live, number of
-- saves, per save its name and bytes, then fields of meta and their values.
-- Answer: {0, version}; {1, owner} fenced.
local meta, journal, saves = KEYS[1], KEYS[2], KEYS[3]
local kept = redis.call('HMGET', meta, 'owner', 'ver')
if kept[1] and kept[1] ~= ARGV[1] then return {1, kept[1]} end
local version, count = tonumber(kept[2] or '0') + 1, tonumber(ARGV[4])
redis.call('UNLINK', meta, journal, saves)
redis.call('HSET', meta, 'owner', ARGV[1], 'ver', version, 'spec', ARGV[2], 'first', 0,
           'entries', 0, 'saves', count)
local at = 5
for _ = 1, count do
  redis.call('HSET', saves, ARGV[at], ARGV[at + 1])
  at = at + 2
end
while at < #ARGV do
  redis.call('HSET', meta, ARGV[at], ARGV[at + 1])
  at = at + 2
end
redis.call('PEXPIRE', meta, ARGV[3])
redis.call('PEXPIRE', saves, ARGV[3])
return {0, version}
