--[[ finish.lua: an attempt ended. The fence behind every execution: only the attempt that holds the task is believed.
KEYS: 1 the cell's key prefix   ARGV: 1 task, 2 attempt, 3 outcome (done | failed | retry | lost | back | cancelled),
4 Celery result meta, 5 reason, 6 delay of a retry (or back) in seconds, 7 trace id, 8 '1': a failure of the task, not of the pool,
9 '1': asked before, and the answer was lost
Returns: {accepted 1|0, state, queue and message of each to publish ...}.
Frees the slot, settles, learns, and releases the next held tasks. ]]
--@flags allow-oom
--@include dispatcher/parts/free_slot.lua
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/lose.lua
--@include dispatcher/parts/fill.lua
begin_run()
local p, id, attempt, outcome, meta, reason = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now, key = server_seconds(), p .. 'task:' .. id
local t = task_record(p, id)
local pool = t.pool
if ARGV[9] == '1' and t.attempt == attempt and t.state == outcome then return {1, outcome} end
if t.state ~= 'running' or t.attempt ~= attempt then
  -- An attempt may end before it began: handed back, revoked or rejected by the worker that took its message.
  if outcome == 'done' or t.state ~= 'released' or t.attempt ~= attempt then
    metric_count(p, 1, 'fleet_fenced_total', 'finish')
    end_run(p)
    return {0, t.exists and t.state or 'gone'}
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
  local ran = t.state == 'running'
  if ran then free_slot(p, id, now, false) else free_slot(p, id, now, nil) end
  budget.abandon(p, id, math.floor(now * 1000))
  local failures = redis.call('HINCRBY', key, 'failures', 1)
  if failures >= (tonumber(profile_of(t.profile).max_attempts) or 3) then
    state = 'dead'
    end_task(p, id, 'dead', now, {reason = 'failed ' .. failures .. ' times, last: ' .. reason, meta = meta, trace = ARGV[7]})
  elseif not may_retry(p, now) then
    state = 'dead'
    end_task(p, id, 'dead', now, {reason = 'retry budget of the fleet is used up, last: ' .. reason, meta = meta})
  else
    redis.call('HSET', key, 'reason', reason)
    retry_task(p, id, now, tonumber(ARGV[6]) or 0, pool, 'failed')
  end
else
  local teaches
  if outcome == 'done' then teaches = true elseif outcome == 'failed' and ARGV[8] ~= '1' and t.state == 'running' then teaches = false end
  free_slot(p, id, now, teaches)
  end_task(p, id, outcome, now, {reason = reason, meta = meta, trace = ARGV[7]})
end
-- A task that is tried again may suit any pool; otherwise only the slot that became free has something to choose.
local is_over = outcome == 'done' or outcome == 'failed' or outcome == 'cancelled'
fill(p, is_over and pool or nil, now, 'finish')
end_run(p)
return {1, state, unpack(outgoing)}
