-- One task comes in: submit_one(p, a, now, place) -> {answer, id, pool, reason, retry_after}; place in its batch.
-- Idempotent by task id and by idempotency key: the same submission twice is the same task. A running attempt that submits
-- its own task again (Celery's retry) gives its slot back and waits for the next one; any other attempt is fenced off.
--@include dispatcher/parts/admit.lua
--@include dispatcher/parts/fill.lua
--@include dispatcher/parts/resubmit.lua
--@include dispatcher/parts/assign.lua
local SUBMIT_FIELDS = {'id', 'type', 'tenant', 'priority', 'envelope', 'hint', 'delay', 'deadline', 'key', 'key_seconds',
  'estimate', 'tokens', 'model', 'ranking', 'retries', 'max_attempts', 'strategy', 'why', 'agent_type', 'goal',
  'ignore_result', 'complexity', 'attempt', 'waited_for'}

local function read_submission(from, offset)
  local a = {}
  for index, name in ipairs(SUBMIT_FIELDS) do a[name] = from[offset + index] or '' end
  for _, name in ipairs({'priority', 'delay', 'estimate', 'tokens', 'retries'}) do a[name] = tonumber(a[name]) or 0 end
  a.hint = tonumber(a.hint)
  return a
end

local function answer(p, a, kind, pool, reason, retry, label)
  metric_count(p, 1, 'fleet_submissions_total', a.type, kind, label or 'none')
  return {kind, a.id, pool or '', reason or '', string.format('%.3f', retry or 0)}
end

-- The early-binding strategies rank pools in the producer; the first with room gets the task, else it queues at the first.
local function bind(p, a, now)
  local names = {}
  for name in string.gmatch(a.ranking, '[^,]+') do names[#names + 1] = name end
  local pools = gather_pools(p, names, now)
  for _, pool in ipairs(pools) do
    if pool.free > 0 and not pool.out and redis.call('ZCARD', p .. 'held:@' .. pool.name) == 0 then return pool, true end
  end
  return pools[1], false
end

local function place_late(p, a, task, now)
  if redis.call('EXISTS', p .. 'held:' .. a.type) == 1 or redis.call('HEXISTS', p .. 'paused', a.type) == 1 then return nil end
  local row, names = factor_row(p, a.type), {}
  for name in pairs(row) do names[#names + 1] = name end
  table.sort(names)
  local pools = gather_pools(p, names, now)
  local head = {id = a.id, type = a.type, size = task.size, age = 0, priority = a.priority}
  local held = tonumber(redis.call('HGET', p .. 'inflight', '#held')) or 0
  local _, q, score = match({head}, pools, {[a.type] = row}, {hold = knobs(p, 'hold'), held = held + 1, noise = 0.02})
  if not q then return nil end
  return pools[q], describe(head, pools, row, pools[q].name, score, 'submit', 0)
end

local function submit_one(p, a, now, place)
  if a.key ~= '' then
    local idem = p .. 'idempotency:' .. a.tenant .. ':' .. a.key
    local known = redis.call('GET', idem)
    if known then
      local pool = redis.call('HGET', p .. 'task:' .. known, 'pool')
      a.id = known
      return answer(p, a, 'accepted', pool or '', 'the idempotency key names this task already', 0, 'duplicate')
    end
  end
  local key = p .. 'task:' .. a.id
  local known = redis.call('HMGET', key, 'state', 'attempt')
  if known[1] then
    if known[1] == 'running' and a.attempt == known[2] then return resubmit(p, a, now) end
    return answer(p, a, 'accepted', redis.call('HGET', key, 'pool') or '', 'submitted already', 0, 'duplicate')
  end
  if redis.call('EXISTS', p .. 'factors:' .. a.type) == 0 then
    return answer(p, a, 'refused', '', "no pool can run '" .. a.type .. "': declare one, or start the fleet so that it publishes its catalogue", 0, 'no_pool')
  end
  local stop = admit(p, a, now)
  if stop and stop[1] ~= 'parked' then return answer(p, a, stop[1], '', stop[2], stop[3], stop[4]) end
  if a.key ~= '' then redis.call('SET', p .. 'idempotency:' .. a.tenant .. ':' .. a.key, a.id, 'EX', a.key_seconds) end
  local size = predict_size(read_size(p, a.type), a.hint)
  local task = {type = a.type, tenant = a.tenant, priority = a.priority, size = size, attempt = 0, envelope = a.envelope,
    held_at = now, place = place, goal = tonumber(a.goal) or 30, strategy = a.strategy}
  redis.call('HSET', key, 'type', a.type, 'tenant', a.tenant, 'priority', a.priority, 'state', 'held', 'attempt', 0,
    'envelope', a.envelope, 'size', string.format('%.6g', size), 'hint', a.hint or '', 'submitted', stamp(now), 'held', stamp(now),
    'strategy', a.strategy, 'max_attempts', a.max_attempts, 'agent_type', a.agent_type, 'goal', task.goal,
    'ignore_result', a.ignore_result, 'complexity', a.complexity, 'retries', a.retries, 'model', a.model,
    'estimate', a.estimate, 'tokens', a.tokens, 'ranking', a.ranking)
  if a.waited_for ~= '' then redis.call('HSET', key, 'waited_for', 1) end
  redis.call('HINCRBY', p .. 'retry_budget', 'first:' .. math.floor(now / 60), 1)
  if a.deadline ~= '' then
    redis.call('HSET', key, 'deadline', stamp(now + tonumber(a.deadline)))
    redis.call('ZADD', p .. 'deadlines', stamp(now + tonumber(a.deadline)), a.id)
  end
  if stop then
    redis.call('HSET', key, 'state', 'held', 'reason', stop[2], 'lane', '')
    redis.call('ZADD', p .. 'parked', stamp(now), a.id)
    return answer(p, a, 'accepted', '', 'parked: ' .. stop[2], stop[3], 'budget')
  end
  if a.delay > 0 then
    redis.call('HSET', key, 'state', 'held', 'lane', '')
    redis.call('ZADD', p .. 'delayed', stamp(now + a.delay), a.id)
    return answer(p, a, 'accepted', '', 'waits for its time', a.delay)
  end
  local pool, decision
  local version = assign(p, a.id, a.type, now)
  if version then
    task.bound = version.name
    redis.call('HSET', key, 'bound', version.name)
    decision = describe({size = task.size}, {version}, {[version.name] = 1}, version.name, 0, 'rollout', 0)
    if version.free > 0 and redis.call('ZCARD', p .. 'held:@' .. version.name) == 0 then pool = version end
  elseif a.ranking ~= '' then
    local is_free
    pool, is_free = bind(p, a, now)
    task.bound = pool.name
    redis.call('HSET', key, 'bound', pool.name, 'why', a.why)
    decision = a.why
    if not is_free then pool = nil end
  else
    pool, decision = place_late(p, a, task, now)
  end
  if pool then
    count_open(p, a.tenant, 1)
    release_task(p, a.id, task, pool, now, decision)
    return answer(p, a, 'accepted', pool.name, 'released at once', 0)
  end
  hold_task(p, a.id, task, now)
  return answer(p, a, 'accepted', task.bound or '', 'held until a slot is free', 0)
end
