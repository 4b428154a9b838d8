-- A task is over: end_task(p, id, state, now, {reason, meta?, trace?, told?}) with state done | failed | dead | cancelled.
-- Writes the record's end, the history, the Celery result (meta; made here when the fleet itself ended the task), gives
-- the money back, and lets the record expire. Dead letters keep their record until an operator decides.
--@include costs/budget_release.lua
--@include dispatcher/parts/knobs.lua
--@include dispatcher/parts/profile.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
local function failure_meta(id, state, reason)
  local kind = state == 'cancelled' and 'TaskRevokedError' or 'TaskFailed'
  return cjson.encode({status = state == 'cancelled' and 'REVOKED' or 'FAILURE', traceback = cjson.null,
    children = {}, date_done = cjson.null, task_id = id,
    result = {exc_type = kind, exc_message = {reason}, exc_module = state == 'cancelled' and 'celery.exceptions' or 'fleet.dispatcher.errors'}})
end

local function end_task(p, id, state, now, info)
  local key = p .. 'task:' .. id
  local t = redis.call('HMGET', key, 'type', 'tenant', 'pool', 'attempt', 'submitted', 'released', 'started', 'profile',
    'pool_usd', 'waited_for', 'deadline')
  local profile = profile_of(t[8] or '')
  local keep, history = knob(p, 'result_seconds'), knob(p, 'history')
  local reason = info.reason or ''
  redis.call('HSET', key, 'state', state, 'ended', stamp(now), 'reason', reason)
  if state == 'dead' then redis.call('ZADD', p .. 'dead', stamp(now), id) else redis.call('EXPIRE', key, keep) end
  if t[11] and t[11] ~= '' then redis.call('ZREM', p .. 'deadlines', id) end
  local ms = math.floor(now * 1000)
  budget.release(p, {task = id}, ms)
  budget.pool_time(p, {task = id, attempt = tonumber(t[4]) or 0, tenant = t[2], type = t[1], agent = profile.agent_type, pool = t[3] or '',
    usd = t[9], ok = state == 'done'}, ms)
  -- Ended by the fleet itself: a chord or an error callback that waits for the task hears of it at the next tick.
  local meta = info.meta ~= '' and info.meta or nil
  if t[10] and not meta and not info.told then redis.call('RPUSH', p .. 'untold', id) end
  if profile.ignore_result ~= '1' then
    meta = meta or failure_meta(id, state, reason)
    redis.call('SETEX', 'celery-task-meta-' .. id, keep, meta)
    redis.call('PUBLISH', 'celery-task-meta-' .. id, meta)
  end
  local task_type, pool, agent = t[1] or '', t[3] or '', profile.agent_type or ''
  local run = (t[7] and t[7] ~= '') and now - tonumber(t[7]) or 0
  redis.call('XADD', p .. 'history', 'MAXLEN', '~', history, '*', 'id', id, 'type', task_type, 'tenant', t[2] or '',
    'pool', pool, 'state', state, 'attempt', t[4] or 0, 'submitted', t[5] or '', 'started', t[7] or '',
    'ended', stamp(now), 'reason', string.sub(reason, 1, 300))
  metric_count(p, 1, 'fleet_tasks_finished_total', task_type, pool, state)
  metric_count(p, 1, 'ai_agent_requests_total', agent, state, task_type)
  if run > 0 then
    local hard = tonumber(profile.complexity) or 0.5
    metric_observe(p, run, info.trace, 'ai_task_duration_seconds', task_type, pool)
    metric_observe(p, now - tonumber(t[5]), info.trace, 'ai_agent_response_time_seconds', agent,
      hard <= 0.3 and 'low' or (hard <= 0.7 and 'medium' or 'high'))
  end
end
