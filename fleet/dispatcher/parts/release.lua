-- A task gets a slot: release_task(p, id, task, pool, now, decision) publishes its next attempt to the pool's queue.
-- task = {envelope, attempt, type, size, held_at, profile}. The envelope is a whole kombu message with two holes, control characters
-- that JSON text cannot contain: \30 = queue, \31 = attempt. Behind another broker than this Redis the message is
-- returned to the caller (`outgoing`), who publishes it; until claimed, the task stays in `released` and is sent again.
--@include dispatcher/parts/standing.lua
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
local parts = {} -- of one message; kept, for growing it anew takes longer than filling it

-- The message with its holes filled. (gsub would look at each byte of a long one; each copy of it costs.)
local function filled(envelope, queue, attempt)
  local count, from = 0, 1
  local for_queue, for_attempt = string.find(envelope, '\30', 1, true), string.find(envelope, '\31', 1, true)
  while for_queue or for_attempt do
    local is_queue = for_queue and (not for_attempt or for_queue < for_attempt)
    local at = is_queue and for_queue or for_attempt
    parts[count + 1], parts[count + 2] = string.sub(envelope, from, at - 1), is_queue and queue or attempt
    count, from = count + 2, at + 1
    if is_queue then
      for_queue = string.find(envelope, '\30', from, true)
    else
      for_attempt = string.find(envelope, '\31', from, true)
    end
  end
  parts[count + 1] = string.sub(envelope, from)
  return table.concat(parts, '', 1, count + 1)
end

-- -> {the queue of a pool, 1 when it is not on this Redis}; declared, so known while nobody declares anew.
local function queue_of(p, pool)
  local known = child(shape(p), 'queues')
  local queue = known[pool]
  if not queue then
    queue = redis.call('HMGET', p .. 'queues', pool, '#remote')
    if queue[1] then known[pool] = queue end
  end
  return queue
end

local function deliver(p, pool, envelope, attempt)
  local queue = queue_of(p, pool)
  local message = filled(envelope, queue[1], attempt)
  if queue[2] then
    outgoing[#outgoing + 1] = queue[1]
    outgoing[#outgoing + 1] = message
  else
    put_off('LPUSH', queue[1], message)
  end
end

local function release_task(p, id, task, pool, now, decision)
  local attempt, probe = task.attempt + 1, pool.probe and 1 or 0
  if pool.probe then
    local state = parse_standing(redis.call('HGET', p .. 'ejected', pool.name))
    state.probing = 1
    save_standing(p, pool.name, state)
    pool.probe, pool.out = nil, true
  end
  if probe == 1 or attempt > 1 then
    write_record(p, id, task, now, 'state', 'released', 'pool', pool.name, 'attempt', attempt, 'released', now, 'decision', decision, 'probe', probe)
  else
    write_record(p, id, task, now, 'state', 'released', 'pool', pool.name, 'attempt', attempt, 'released', now, 'decision', decision)
  end
  put_off('ZADD', p .. 'released', now, id)
  tally(p .. 'inflight', pool.name, 1)
  local booked, waited = p .. 'arrivals:' .. pool.name, math.max(0, now - task.held_at)
  tally(booked, 'started', 1)
  if waited > 0 then tally(booked, 'waited', waited) end
  tally(booked, 'seconds', task.size)
  tally(booked, 'squares', task.size * task.size)
  if waited > task.profile.goal then tally(booked, 'late', 1) end
  metric_observe(p, waited, '', 'fleet_task_wait_seconds', task.type)
  metric_count(p, 1, 'fleet_decisions_total', task.profile.strategy or '', pool.name)
  deliver(p, pool.name, task.envelope, attempt)
  return attempt
end
