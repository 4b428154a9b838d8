-- A task gets a slot: release_task(p, id, task, pool, now, decision) publishes its next attempt to the pool's queue.
-- task = {envelope, attempt, type, size, held_at, goal?}. The envelope is a whole kombu message with two holes, control characters
-- that JSON text cannot contain: \30 = queue, \31 = attempt. Behind another broker than this Redis the message is
-- returned to the caller (`outgoing`), who publishes it; until claimed, the task stays in `released` and is sent again.
--@include dispatcher/parts/standing.lua
--@include dispatcher/parts/time.lua
--@include telemetry/metrics.lua
local outgoing = {}

local function deliver(p, pool, envelope, attempt)
  local queue = redis.call('HMGET', p .. 'queues', pool, '#remote')
  local message = string.gsub(string.gsub(envelope, '\30', queue[1]), '\31', attempt)
  if queue[2] then
    outgoing[#outgoing + 1] = queue[1]
    outgoing[#outgoing + 1] = message
  else
    redis.call('LPUSH', queue[1], message)
  end
end

local function release_task(p, id, task, pool, now, decision)
  local attempt, at = task.attempt + 1, stamp(now)
  local probe = pool.probe and 1 or 0
  if pool.probe then
    local state = parse_standing(redis.call('HGET', p .. 'ejected', pool.name))
    state.probing = 1
    save_standing(p, pool.name, state)
    pool.probe, pool.out = nil, true
  end
  redis.call('HSET', p .. 'task:' .. id, 'state', 'released', 'pool', pool.name, 'attempt', attempt, 'released', at,
    'decision', decision, 'probe', probe)
  redis.call('ZADD', p .. 'released', at, id)
  redis.call('HINCRBY', p .. 'inflight', pool.name, 1)
  local booked, waited = p .. 'arrivals:' .. pool.name, now - task.held_at
  redis.call('HINCRBY', booked, 'started', 1)
  redis.call('HINCRBYFLOAT', booked, 'waited', string.format('%.4f', waited))
  redis.call('HINCRBYFLOAT', booked, 'seconds', string.format('%.4f', task.size))
  redis.call('HINCRBYFLOAT', booked, 'squares', string.format('%.4f', task.size * task.size))
  if waited > task.goal then redis.call('HINCRBY', booked, 'late', 1) end
  metric_observe(p, waited, '', 'fleet_task_wait_seconds', task.type)
  metric_count(p, 1, 'fleet_decisions_total', task.strategy, pool.name)
  deliver(p, pool.name, task.envelope, attempt)
  return attempt
end
