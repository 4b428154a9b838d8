--[[ records.lua: the records of these tasks, and their results where Celery keeps them in this Redis.
KEYS: 1 the cell's key prefix   ARGV: task ids
Returns: flat list of key (a record's begins with the prefix), dump, expires at in ms or 0. Reads only. ]]
local time, found = redis.call('TIME'), {}
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function take(key)
  local dump = redis.call('DUMP', key)
  if not dump then return end
  local left = redis.call('PTTL', key)
  found[#found + 1] = key
  found[#found + 1] = dump
  found[#found + 1] = left > 0 and string.format('%.0f', now + left) or '0'
end
for _, id in ipairs(ARGV) do
  take(KEYS[1] .. 'task:' .. id)
  take('celery-task-meta-' .. id)
end
return found
