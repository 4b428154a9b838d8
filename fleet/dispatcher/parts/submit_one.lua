-- One task comes in: submit_one(p, a, now, place) -> {answer, id, pool, reason, retry_after}; place in its batch.
-- Idempotent by task id and by idempotency key: the same submission twice is the same task. A running attempt that submits
-- its own task again (Celery's retry) gives its slot back and waits for the next one; any other attempt is fenced off.
--@include dispatcher/parts/admit.lua
--@include dispatcher/parts/fill.lua
--@include dispatcher/parts/resubmit.lua
--@include dispatcher/parts/submission.lua
--@include dispatcher/parts/assign.lua
local function answer(p, a, kind, pool, reason, retry, label)
  metric_count(p, 1, 'fleet_submissions_total', a.type, kind, label or 'none')
  return {kind, a.id, pool or '', reason or '', string.format('%.3f', retry or 0)}
end

-- The same pools for every task of this run: a release counts down what is free.
local function pools_now(p, names, now)
  local pools, fresh = {}, {}
  for _, name in ipairs(names) do
    if not memo['pool ' .. name] then fresh[#fresh + 1] = name end
  end
  for _, pool in ipairs(#fresh > 0 and gather_pools(p, fresh, now) or {}) do memo['pool ' .. pool.name] = pool end
  for index, name in ipairs(names) do pools[index] = memo['pool ' .. name] end
  return pools
end

-- The early-binding strategies rank pools in the producer; the first with room gets the task, else it queues at the first.
local function bind(p, a, now)
  local names = {}
  for name in string.gmatch(a.ranking, '[^,]+') do names[#names + 1] = name end
  local pools = pools_now(p, names, now)
  for _, pool in ipairs(pools) do
    if pool.free > 0 and not pool.out and redis.call('ZCARD', p .. 'held:@' .. pool.name) == 0 then return pool, true end
  end
  return pools[1], false
end

-- The pools of a task type as this run sees them; no row: nobody can run it.
local function capable(p, task_type)
  return remembered('capable ' .. task_type, function()
    local row, names = factor_row(p, task_type), {}
    for name in pairs(row) do names[#names + 1] = name end
    table.sort(names)
    return {row = #names > 0 and row or nil, names = names}
  end)
end

local function place_late(p, a, task, now)
  local is_blocked = remembered('blocked ' .. a.type, function()
    return redis.call('EXISTS', p .. 'held:' .. a.type) == 1 or redis.call('HEXISTS', p .. 'paused', a.type) == 1
  end)
  if is_blocked then return nil end
  local known = capable(p, a.type)
  local pools = pools_now(p, known.names, now)
  local head = {id = a.id, type = a.type, size = task.size, age = 0, priority = a.priority}
  local held = tonumber(redis.call('HGET', p .. 'inflight', '#held')) or 0
  local _, q, score = match({head}, pools, {[a.type] = known.row}, {hold = knobs(p, 'hold'), held = held + 1, noise = 0.02})
  if not q then
    memo['blocked ' .. a.type] = true -- it will be held now, and the next ones behind it
    return nil
  end
  return pools[q], describe(head, pools, known.row, pools[q].name, score, 'submit', 0)
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
  if not capable(p, a.type).row then
    return answer(p, a, 'refused', '', "no pool can run '" .. a.type .. "': declare one, or start the fleet so that it publishes its catalogue", 0, 'no_pool')
  end
  local stop = admit(p, a, now)
  if stop and stop[1] ~= 'parked' then return answer(p, a, stop[1], '', stop[2], stop[3], stop[4]) end
  if a.key ~= '' then redis.call('SET', p .. 'idempotency:' .. a.tenant .. ':' .. a.key, a.id, 'EX', a.key_seconds) end
  local size = predict_size(read_size(p, a.type), a.hint)
  local task = {type = a.type, tenant = a.tenant, priority = a.priority, size = size, attempt = 0, envelope = a.envelope,
    held_at = now, place = place, goal = a.goal, strategy = a.strategy}
  local record = {'type', a.type, 'tenant', a.tenant, 'priority', a.priority, 'attempt', 0, 'envelope', a.envelope,
    'size', string.format('%.6g', size), 'submitted', stamp(now), 'held', stamp(now), 'strategy', a.strategy,
    'max_attempts', a.max_attempts, 'agent_type', a.agent_type, 'goal', task.goal, 'complexity', a.complexity}
  local function note(name, value)
    if value and value ~= '' and value ~= 0 then
      record[#record + 1] = name
      record[#record + 1] = value
    end
  end
  for _, name in ipairs({'hint', 'ignore_result', 'retries', 'model', 'estimate', 'tokens', 'ranking', 'waited_for'}) do
    note(name, a[name])
  end
  task.record = record
  tally(p .. 'retry_budget', 'first:' .. math.floor(now / 60), 1)
  if a.deadline then
    note('deadline', stamp(now + a.deadline))
    redis.call('ZADD', p .. 'deadlines', stamp(now + a.deadline), a.id)
  end
  if stop then
    write_record(p, a.id, record, {'state', 'held', 'reason', stop[2], 'lane', ''})
    redis.call('ZADD', p .. 'parked', stamp(now), a.id)
    return answer(p, a, 'accepted', '', 'parked: ' .. stop[2], stop[3], 'budget')
  end
  if a.delay > 0 then
    write_record(p, a.id, record, {'state', 'held', 'lane', ''})
    redis.call('ZADD', p .. 'delayed', stamp(now + a.delay), a.id)
    return answer(p, a, 'accepted', '', 'waits for its time', a.delay)
  end
  local pool, decision
  local version = assign(p, a.id, a.type, now)
  if version then
    task.bound = version.name
    note('bound', version.name)
    decision = describe({size = task.size}, {version}, {[version.name] = 1}, version.name, 0, 'rollout', 0)
    if version.free > 0 and redis.call('ZCARD', p .. 'held:@' .. version.name) == 0 then pool = version end
  elseif a.ranking ~= '' then
    local is_free
    pool, is_free = bind(p, a, now)
    task.bound = pool.name
    note('bound', pool.name)
    note('why', a.why)
    decision = a.why
    if not is_free then pool = nil end
  else
    pool, decision = place_late(p, a, task, now)
  end
  if pool then
    count_open(p, a.tenant, 1)
    release_task(p, a.id, task, pool, now, decision)
    pool.free = pool.free - 1
    return answer(p, a, 'accepted', pool.name, 'released at once', 0)
  end
  hold_task(p, a.id, task, now)
  return answer(p, a, 'accepted', task.bound or '', 'held until a slot is free', 0)
end
