--[[ let_go.lua: tasks have arrived elsewhere; only a note of where stays, as long as a result would.
KEYS: 1 the cell's key prefix   ARGV: task ids
Returns: how many were let go. ]]
--@include dispatcher/parts/knobs.lua
begin_run()
local p, gone, keep = KEYS[1], 0, knob(KEYS[1], 'result_seconds')
for _, id in ipairs(ARGV) do
  local key = p .. 'task:' .. id
  local t = redis.call('HMGET', key, 'state', 'moving_to', 'moves', 'type', 'tenant', 'attempt', 'submitted')
  if t[1] == 'moving' then
    redis.call('DEL', key)
    redis.call('HSET', key, 'state', 'moved', 'moved_to', t[2], 'moves', t[3], 'type', t[4], 'tenant', t[5], 'attempt', t[6] or 0,
      'submitted', t[7])
    redis.call('EXPIRE', key, keep)
    redis.call('ZREM', p .. 'moving', id)
    gone = gone + 1
  end
end
end_run(p)
return gone
