-- Is a pool in service, as stored? `ejected` holds pool -> the numbers of outlier.lua, in the order of FIELDS.
--@include dispatcher/deciders/outlier.lua
--@include dispatcher/parts/run.lua
local STANDING_FIELDS = {'failures', 'success', 'seen', 'ejections', 'out_until', 'back_at', 'probing'}

local function parse_standing(text)
  if not text then return healthy_standing() end
  local state, index = {}, 0
  for number in string.gmatch(text, '%S+') do
    index = index + 1
    state[STANDING_FIELDS[index]] = tonumber(number)
  end
  return state
end

local function save_standing(p, pool, state)
  local numbers = {}
  for index, name in ipairs(STANDING_FIELDS) do numbers[index] = string.format('%.6f', state[name]) end
  redis.call('HSET', p .. 'ejected', pool, table.concat(numbers, ' '))
  memo.is_calm = 1
end
