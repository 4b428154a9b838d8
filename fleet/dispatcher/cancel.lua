--[[ cancel.lua: this task is not wanted any more.
KEYS: 1 the cell's key prefix   ARGV: 1 task, 2 who or why, 3 '1': a running task may go on
Returns: the state it was in ('' = unknown). Held and released tasks end at once; a running one ends here too, and the
caller revokes the process: whatever it still says is fenced off. ]]
--@flags allow-oom
--@include dispatcher/parts/free_slot.lua
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/end_task.lua
--@include dispatcher/parts/fill.lua
begin_run()
local p, id, now = KEYS[1], ARGV[1], server_seconds()
local t = redis.call('HMGET', p .. 'task:' .. id, 'state', 'lane', 'pool')
local state = t[1]
if state == 'running' and ARGV[3] == '1' then return {state, {}} end
if not state then return {'', {}} end
if state == 'held' then
  if t[2] and t[2] ~= '' then unhold_task(p, id, t[2]) end
  redis.call('ZREM', p .. 'delayed', id)
  redis.call('ZREM', p .. 'parked', id)
elseif state == 'released' or state == 'running' then
  redis.call('ZREM', p .. 'released', id)
  free_slot(p, id, now, nil)
elseif state == 'dead' then
  redis.call('ZREM', p .. 'dead', id)
else
  return {state, {}}
end
end_task(p, id, 'cancelled', now, {reason = ARGV[2]})
if state == 'released' or state == 'running' then fill(p, t[3], now, 'cancel') end
end_run(p)
return {state, outgoing}
