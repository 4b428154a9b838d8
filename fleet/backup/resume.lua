--[[ resume.lua: restored records become tasks again.
KEYS: 1 the cell's key prefix   ARGV: task ids
Returns: {held, delayed, parked, dead, ended}: how many there are of each.
What was released or running is held again, and every unfinished task is one attempt further: messages and workers of the
time before the backup are fenced off. What ended while the backup was read leaves the lists of its instant. ]]
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/retry.lua
--@include costs/budget_release.lua
begin_run()
local p, now, held, delayed, parked, dead, ended = KEYS[1], server_seconds(), 0, 0, 0, 0, 0
for _, id in ipairs(ARGV) do
  local key = p .. 'task:' .. id
  local state = redis.call('HGET', key, 'state')
  if state == 'held' or state == 'released' or state == 'running' then
    if state == 'running' then budget.abandon(p, id, math.floor(now * 1000)) end
    redis.call('HINCRBY', key, 'attempt', 1)
    redis.call('HSET', key, 'state', 'held', 'worker', '', 'started', '', 'probe', 0)
    if redis.call('ZSCORE', p .. 'delayed', id) then
      delayed = delayed + 1
    elseif redis.call('ZSCORE', p .. 'parked', id) then
      parked = parked + 1
    else
      hold_task(p, id, read_holdable(p, id), now)
      held = held + 1
    end
  elseif state then
    redis.call('ZREM', p .. 'delayed', id)
    redis.call('ZREM', p .. 'parked', id)
    redis.call('ZREM', p .. 'deadlines', id)
    if state == 'dead' then
      redis.call('ZADD', p .. 'dead', 'NX', stamp(now), id)
      dead = dead + 1
    else
      redis.call('ZREM', p .. 'dead', id)
      ended = ended + 1
    end
  end
end
end_run(p)
return {held, delayed, parked, dead, ended}
