-- A running task asks for another attempt (Celery's retry): resubmit(p, a, now) frees its slot and holds it again.
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/free_slot.lua
--@include dispatcher/parts/fill.lua
local function resubmit(p, a, now)
  local key = p .. 'task:' .. a.id
  local pool = free_slot(p, a.id, now, nil)
  budget.abandon(p, a.id, math.floor(now * 1000))
  redis.call('HSET', key, 'envelope', a.envelope, 'retries', a.retries)
  retry_task(p, a.id, now, a.delay, '', 'failed')
  fill(p, a.delay <= 0 and nil or pool, now, 'retry')
  memo.pools, memo.kinds = nil, nil -- slots have moved
  return 'accepted', '', 'waits for its next attempt', a.delay, 'resubmitted'
end
