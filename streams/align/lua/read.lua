-- Reads tiles. Payload: per tile its session, its index and the number of elements that it has.
-- Answer: {0, windows closed when each element came, elements...}.
local lost = guard()
if lost then return lost end

local answer, closed = {0, ''}, {}
for i, row in ipairs(payload) do
  local s = load_session(row[1])
  local tile = s and s.tiles[position_of(s.tiles, row[2])]
  if not tile or tile[INDEX] ~= row[2] then return {2, 'a tile is gone'} end
  local elements = call('LRANGE', tile_key(s, row[2]), 0, -1)
  if #elements ~= row[3] or #elements ~= #tile[ELEMENTS] / 2 then
    return {2, 'records of a tile are gone'}
  end
  closed[i] = tile[ELEMENTS]
  for _, element in ipairs(elements) do answer[#answer + 1] = element end
end
answer[2] = cmsgpack.pack(closed)
return answer
