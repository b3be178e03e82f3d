-- Reads tiles. Payload: per tile its session, its index and the number of elements that it has.
-- Answer: {0, elements...}, each a prefix and records.
local lost = guard()
if lost then return lost end

local answer = {0}
for _, row in ipairs(payload) do
  local s = load_session(row[1])
  local tile = s and tile_of(s, row[2])
  if not tile then return {2, 'a tile is gone'} end
  local elements = call('LRANGE', tile_key(s, row[2]), 0, -1)
  if #elements ~= 2 * row[3] or tile[ELEMENTS] ~= row[3] then
    return {2, 'records of a tile are gone'}
  end
  for _, element in ipairs(elements) do answer[#answer + 1] = element end
end
return answer
