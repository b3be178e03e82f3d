-- Says whether a shard is still as its owner knows it. KEYS: meta. ARGV: owner, version.
-- Answer: as of write.
local kept = redis.call('HMGET', KEYS[1], 'owner', 'ver')
if not kept[1] then return {2, 'none'} end
if kept[1] ~= ARGV[1] then return {1, kept[1]} end
if kept[2] ~= ARGV[2] then return {2, 'version ' .. kept[2]} end
return {0}
