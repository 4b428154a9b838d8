-- A task is over: end_task(p, id, state, now, {reason, meta?, trace?, told?}) with state done | failed | dead | cancelled.
-- Writes the record's end, the history, the Celery result (meta; made here when the fleet itself ended the task), gives
-- the money back, and lets the record expire. Dead letters keep their record until an operator decides.
--@include costs/budget_release.lua
--@include dispatcher/parts/knobs.lua
--@include dispatcher/parts/profile.lua
--@include dispatcher/parts/record.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
local function failure_meta(id, state, reason)
  local kind = state == 'cancelled' and 'TaskRevokedError' or 'TaskFailed'
  return cjson.encode({status = state == 'cancelled' and 'REVOKED' or 'FAILURE', traceback = cjson.null,
    children = {}, date_done = cjson.null, task_id = id,
    result = {exc_type = kind, exc_message = {reason}, exc_module = state == 'cancelled' and 'celery.exceptions' or 'fleet.dispatcher.errors'}})
end

local function end_task(p, id, state, now, info)
  local key, t, reason, at = p .. 'task:' .. id, task_record(p, id), info.reason or '', stamp(now)
  local profile, keep, ms = profile_of(t.profile), knob(p, 'result_seconds'), math.floor(now * 1000)
  local agent, started = profile.agent_type or '', tonumber(t.started)
  redis.call('HSET', key, 'state', state, 'ended', at, 'reason', reason)
  if state == 'dead' then redis.call('ZADD', p .. 'dead', at, id) else redis.call('EXPIRE', key, keep) end
  if t.deadline ~= '' then redis.call('ZREM', p .. 'deadlines', id) end
  budget.release(p, {task = id}, ms)
  budget.pool_time(p, {task = id, attempt = tonumber(t.attempt) or 0, tenant = t.tenant, type = t.type, agent = agent, pool = t.pool,
    usd = t.pool_usd, ok = state == 'done'}, ms)
  -- Ended by the fleet itself: a chord or an error callback that waits for the task hears of it at the next tick.
  local meta = info.meta ~= '' and info.meta or nil
  if t.waited_for ~= '' and not meta and not info.told then redis.call('RPUSH', p .. 'untold', id) end
  if profile.ignore_result ~= '1' then
    meta = meta or failure_meta(id, state, reason)
    redis.call('SETEX', 'celery-task-meta-' .. id, keep, meta)
    redis.call('PUBLISH', 'celery-task-meta-' .. id, meta)
  end
  redis.call('XADD', p .. 'history', 'MAXLEN', '~', knob(p, 'history'), '*', 'id', id, 'type', t.type, 'tenant', t.tenant, 'pool', t.pool,
    'state', state, 'attempt', tonumber(t.attempt) or 0, 'submitted', t.submitted, 'started', t.started, 'ended', at,
    'reason', string.sub(reason, 1, 300), 'trace', info.trace or '')
  metric_count(p, 1, 'fleet_tasks_finished_total', t.type, t.pool, state)
  metric_count(p, 1, 'ai_agent_requests_total', agent, state, t.type)
  if started and now > started then
    local hard = tonumber(profile.complexity) or 0.5
    metric_observe(p, now - started, info.trace, 'ai_task_duration_seconds', t.type, t.pool)
    metric_observe(p, now - tonumber(t.submitted), info.trace, 'ai_agent_response_time_seconds', agent,
      hard <= 0.3 and 'low' or (hard <= 0.7 and 'medium' or 'high'))
  end
  forget_record(id)
end
