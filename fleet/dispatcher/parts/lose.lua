-- The worker of a running task is gone: lose_task(p, id, now, why, told?) -> state. The task runs elsewhere at once, unless it
-- has taken too many workers down: then it is a dead letter with the evidence.
--@include dispatcher/parts/free_slot.lua
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/end_task.lua
local function lose_task(p, id, now, why, told)
  local key = p .. 'task:' .. id
  local pool = free_slot(p, id, now, nil)
  local losses, most = redis.call('HINCRBY', key, 'losses', 1), knob(p, 'losses')
  budget.abandon(p, id, math.floor(now * 1000))
  redis.call('HSET', key, 'reason', why)
  if losses >= most then
    end_task(p, id, 'dead', now, {reason = 'took ' .. losses .. ' workers down, last: ' .. why, told = told})
    return 'dead'
  end
  metric_count(p, 1, 'fleet_tasks_recovered_total', redis.call('HGET', key, 'type'), pool)
  retry_task(p, id, now, 0, '', 'lost')
  return 'held'
end
