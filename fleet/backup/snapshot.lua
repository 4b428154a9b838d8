--[[ snapshot.lua: everything of a cell but its tasks' records, of one instant.
KEYS: 1 the cell's key prefix   ARGV: suffixes to leave out; one that ends with a colon leaves out all that begin so
Returns: {server seconds, {suffix, dump, expires at in ms or 0, ...}, {task id, ...}}. Reads only. ]]
local p, whole, begins = KEYS[1], {}, {}
for _, suffix in ipairs(ARGV) do
  if string.sub(suffix, -1) == ':' then begins[suffix] = true else whole[suffix] = true end
end
local time, kept, tasks, cursor = redis.call('TIME'), {}, {}, '0'
local now = time[1] * 1000 + math.floor(time[2] / 1000)
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', p .. '*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local suffix = string.sub(key, #p + 1)
    local head = string.match(suffix, '^[^:]+:') or ''
    if head == 'task:' then
      tasks[#tasks + 1] = string.sub(suffix, 6)
    elseif not whole[suffix] and not begins[head] then
      local left = redis.call('PTTL', key)
      kept[#kept + 1] = suffix
      kept[#kept + 1] = redis.call('DUMP', key)
      kept[#kept + 1] = left > 0 and string.format('%.0f', now + left) or '0'
    end
  end
until cursor == '0'
return {string.format('%.6f', time[1] + time[2] / 1e6), kept, tasks}
