-- Adds entries to the journal, takes saves over, and drops the entries that they make needless.
-- KEYS: meta, journal, saves. ARGV: owner, version, entries and saves that there have to be,
-- entries to drop from the front, milliseconds to live, number of entries, of saves and of saves to
-- delete; then the entries, per save its name and bytes, the names to delete, fields of meta and
-- their values.
-- Answer: {0} done; {1, owner} fenced; {2, what} state lost.
local meta, journal, saves = KEYS[1], KEYS[2], KEYS[3]
local kept = redis.call('HMGET', meta, 'owner', 'ver')
if not kept[1] then return {2, 'none'} end
if kept[1] ~= ARGV[1] then return {1, kept[1]} end
if kept[2] ~= ARGV[2] then return {2, 'version ' .. kept[2]} end
if redis.call('LLEN', journal) ~= tonumber(ARGV[3]) then return {2, 'another journal'} end
if redis.call('HLEN', saves) ~= tonumber(ARGV[4]) then return {2, 'other saves'} end

-- The first write: out of memory, it fails before anything has changed.
redis.call('HINCRBY', meta, 'ver', 1)
local at = 10
for _ = 1, tonumber(ARGV[7]) do
  redis.call('RPUSH', journal, ARGV[at])
  at = at + 1
end
for _ = 1, tonumber(ARGV[8]) do
  redis.call('HSET', saves, ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, tonumber(ARGV[9]) do
  redis.call('HDEL', saves, ARGV[at])
  at = at + 1
end
local dropped = tonumber(ARGV[5])
if dropped > 0 then
  redis.call('LTRIM', journal, dropped, -1)
  redis.call('HINCRBY', meta, 'first', dropped)
end
while at < #ARGV do
  redis.call('HSET', meta, ARGV[at], ARGV[at + 1])
  at = at + 2
end
redis.call('HSET', meta, 'entries', redis.call('LLEN', journal), 'saves', redis.call('HLEN', saves))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[6]) end
return {0}
