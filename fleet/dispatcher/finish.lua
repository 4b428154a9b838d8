--[[ finish.lua: an attempt ended. The fence behind every execution: only the attempt that holds the task is believed.
KEYS: 1 the cell's key prefix   ARGV: 1 task, 2 attempt, 3 outcome (done | failed | retry | lost | back | cancelled),
4 Celery result meta, 5 reason, 6 delay of a retry (or back) in seconds, 7 trace id, 8 '1': a failure of the task, not of the pool,
9 '1': asked before, and the answer was lost
Returns: {accepted 1|0, state, to publish ...}. Frees the slot, settles, learns, and releases the next held tasks. ]]
--@flags allow-oom
--@include dispatcher/parts/free_slot.lua
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/lose.lua
--@include dispatcher/parts/fill.lua
begin_run()
local p, id, attempt, outcome, meta, reason = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now, key = server_seconds(), p .. 'task:' .. id
local t = redis.call('HMGET', key, 'state', 'attempt', 'pool', 'profile')
if ARGV[9] == '1' and t[2] == attempt and t[1] == outcome then return {1, outcome, {}} end
if t[1] ~= 'running' or t[2] ~= attempt then
  -- An attempt may end before it began: handed back, revoked or rejected by the worker that took its message.
  if outcome == 'done' or t[1] ~= 'released' or t[2] ~= attempt then
    metric_count(p, 1, 'fleet_fenced_total', 'finish')
    end_run(p)
    return {0, t[1] or 'gone', {}}
  end
  redis.call('ZREM', p .. 'released', id)
end
local state = outcome
if outcome == 'lost' then
  state = lose_task(p, id, now, reason, true)
elseif outcome == 'back' then
  local delay = tonumber(ARGV[6]) or 0
  free_slot(p, id, now, nil)
  if reason ~= '' then redis.call('HSET', key, 'reason', reason) end
  budget.abandon(p, id, math.floor(now * 1000))
  retry_task(p, id, now, delay, '', delay > 0 and 'other' or 'drained')
elseif outcome == 'retry' then
  local ran = t[1] == 'running'
  if ran then free_slot(p, id, now, false) else free_slot(p, id, now, nil) end
  budget.abandon(p, id, math.floor(now * 1000))
  local failures = redis.call('HINCRBY', key, 'failures', 1)
  if failures >= (tonumber(profile_of(t[4] or '').max_attempts) or 3) then
    state = 'dead'
    end_task(p, id, 'dead', now, {reason = 'failed ' .. failures .. ' times, last: ' .. reason, meta = meta, trace = ARGV[7]})
  elseif not may_retry(p, now) then
    state = 'dead'
    end_task(p, id, 'dead', now, {reason = 'retry budget of the fleet is used up, last: ' .. reason, meta = meta})
  else
    redis.call('HSET', key, 'reason', reason)
    retry_task(p, id, now, tonumber(ARGV[6]) or 0, t[3], 'failed')
  end
else
  local teaches
  if outcome == 'done' then teaches = true elseif outcome == 'failed' and ARGV[8] ~= '1' and t[1] == 'running' then teaches = false end
  free_slot(p, id, now, teaches)
  end_task(p, id, outcome, now, {reason = reason, meta = meta, trace = ARGV[7]})
end
-- A task that is tried again may suit any pool; otherwise only the slot that became free has something to choose.
local is_over = outcome == 'done' or outcome == 'failed' or outcome == 'cancelled'
fill(p, is_over and t[3] or nil, now, 'finish')
end_run(p)
return {1, state, outgoing}
