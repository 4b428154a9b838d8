-- A worker serves its pool, or does so no longer (sign 1 or -1): count_serving(p, pool, slots, announced, sign).
-- Beside the slots it counts, per contract, how many of them understand it: `contracts`, field "pool word" for each word
-- announced ("type#contract"). A worker that announces nothing counts under "*": it understands contract 1 of what it runs.
-- `serving` is another text after every change, so that what was concluded from the counts can be kept until then.
local changes = 0

local function mark_serving(p)
  local time = redis.call('TIME')
  changes = changes + 1
  redis.call('SET', p .. 'serving', time[1] .. '.' .. time[2] .. ' ' .. changes)
end

local function count_serving(p, pool, slots, announced, sign)
  redis.call('HINCRBY', p .. 'slots', pool, sign * slots)
  for word in string.gmatch(announced and announced ~= '' and announced or '*', '%S+') do
    local field = pool .. ' ' .. word
    if redis.call('HINCRBY', p .. 'contracts', field, sign * slots) <= 0 then redis.call('HDEL', p .. 'contracts', field) end
  end
  mark_serving(p)
end
