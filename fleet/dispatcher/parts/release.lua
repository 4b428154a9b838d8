-- A task gets a slot: release_task(p, id, task, pool, now, decision) publishes its next attempt to the pool's queue.
-- task = {envelope, attempt, type, size, held_at, profile}. The envelope is a whole kombu message with two holes, control characters
-- that JSON text cannot contain: \30 = queue, \31 = attempt. Behind another broker than this Redis the message is
-- returned to the caller (`outgoing`), who publishes it; until claimed, the task stays in `released` and is sent again.
--@include dispatcher/parts/standing.lua
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
-- Every `hole` in the text becomes `value`. (gsub would look at each byte of a long message.)
local function put_in(text, hole, value)
  local parts, from = {}, 1
  while true do
    local at = string.find(text, hole, from, true)
    if not at then break end
    parts[#parts + 1] = string.sub(text, from, at - 1)
    from = at + 1
  end
  if from == 1 then return text end
  parts[#parts + 1] = string.sub(text, from)
  return table.concat(parts, value)
end

local function read_queue(p, pool) return redis.call('HMGET', p .. 'queues', pool, '#remote') end

local function deliver(p, pool, envelope, attempt)
  local queue = remembered('queue ' .. pool, read_queue, p, pool)
  local message = put_in(put_in(envelope, '\30', queue[1]), '\31', tostring(attempt))
  if queue[2] then
    outgoing[#outgoing + 1] = queue[1]
    outgoing[#outgoing + 1] = message
  else
    put_off('LPUSH', queue[1], message)
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
  write_record(p, id, task.record, {'state', 'released', 'pool', pool.name, 'attempt', attempt, 'released', at,
    'decision', decision, 'probe', probe})
  put_off('ZADD', p .. 'released', at, id)
  tally(p .. 'inflight', pool.name, 1)
  local booked, waited = p .. 'arrivals:' .. pool.name, math.max(0, now - task.held_at)
  tally(booked, 'started', 1)
  tally(booked, 'waited', waited)
  tally(booked, 'seconds', task.size)
  tally(booked, 'squares', task.size * task.size)
  if waited > task.profile.goal then tally(booked, 'late', 1) end
  metric_observe(p, waited, '', 'fleet_task_wait_seconds', task.type)
  metric_count(p, 1, 'fleet_decisions_total', task.profile.strategy or '', pool.name)
  deliver(p, pool.name, task.envelope, attempt)
  return attempt
end
