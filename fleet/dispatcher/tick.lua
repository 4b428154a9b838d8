--[[ tick.lua: what is due? Delays, deadlines, silent workers, lost messages, parked tasks, then free slots.
One run does a portion, so that nobody waits for it: who called calls again while there is more.
KEYS: 1 the cell's key prefix   ARGV: 1 seconds that must have passed since the last tick by anybody (0: now)
Returns: {ran 1|0, more 1|0, due, expired, workers lost, tasks recovered, re-sent, released, tasks to tell of, to publish ...}. ]]
--@flags allow-oom
--@include dispatcher/parts/lose.lua
--@include dispatcher/parts/submit_one.lua
--@include dispatcher/parts/resume.lua
--@include registry/parts/serving.lua
begin_run()
local p, gap, now, MOST = KEYS[1], tonumber(ARGV[1]), server_seconds(), 60 -- of each kind
local last = tonumber(redis.call('GET', p .. 'ticked')) or 0
if gap > 0 and now - last < gap and now >= last then return {0, 0, 0, 0, 0, 0, 0, 0, {}, {}} end
redis.call('SET', p .. 'ticked', stamp(now))
local lease, resend, remove = knob(p, 'lease'), knob(p, 'release'), knob(p, 'remove')
local due, expired, lost, recovered, resent = 0, 0, 0, 0, 0
resume_after_absence(p, last, now, lease)
forget_shape(p)

for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'delayed', '-inf', stamp(now), 'LIMIT', 0, MOST)) do
  redis.call('ZREM', p .. 'delayed', id)
  local task = read_holdable(p, id)
  if task.type and redis.call('HGET', p .. 'task:' .. id, 'state') == 'held' then
    local ranking = redis.call('HGET', p .. 'task:' .. id, 'ranking')
    if (task.bound or '') == '' and task.excluded == '' and ranking and ranking ~= '' then
      bind_again(p, id, task, ranking, now)
    end
    hold_task(p, id, task, now)
    due = due + 1
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'deadlines', '-inf', stamp(now), 'LIMIT', 0, MOST)) do
  local t = redis.call('HMGET', p .. 'task:' .. id, 'state', 'lane')
  redis.call('ZREM', p .. 'deadlines', id)
  if t[1] == 'held' then
    if t[2] and t[2] ~= '' then unhold_task(p, id, t[2]) end
    redis.call('ZREM', p .. 'delayed', id)
    redis.call('ZREM', p .. 'parked', id)
    end_task(p, id, 'dead', now, {reason = 'deadline passed while held'})
    expired = expired + 1
  end
end

for _, worker in ipairs(redis.call('ZRANGEBYSCORE', p .. 'workers', '-inf', stamp(now - lease))) do
  if lost >= MOST or recovered >= MOST then break end
  local w = redis.call('HMGET', p .. 'worker:' .. worker, 'pool', 'slots', 'status', 'contracts')
  if w[3] and w[3] ~= 'failed' then
    lost = lost + 1
    metric_count(p, 1, 'fleet_leases_expired_total', w[1])
    redis.call('HSET', p .. 'worker:' .. worker, 'status', 'failed')
    if w[3] ~= 'maintenance' then
      count_serving(p, w[1], tonumber(w[2]), w[4], -1)
      memo.shape = nil
    end
    redis.call('XADD', p .. 'repairs', 'MAXLEN', '~', 1000, '*', 'kind', 'lease_ended', 'worker', worker, 'pool', w[1])
  end
  for _, id in ipairs(redis.call('SRANDMEMBER', p .. 'running:' .. worker, MOST)) do
    redis.call('SREM', p .. 'running:' .. worker, id)
    if redis.call('HGET', p .. 'task:' .. id, 'worker') == worker then
      lose_task(p, id, now, 'worker ' .. worker .. ' fell silent')
      recovered = recovered + 1
    end
  end
  local seen = tonumber(redis.call('ZSCORE', p .. 'workers', worker))
  if now - seen > remove and redis.call('EXISTS', p .. 'running:' .. worker) == 0 then
    redis.call('ZREM', p .. 'workers', worker)
    redis.call('DEL', p .. 'worker:' .. worker)
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'released', '-inf', stamp(now - resend), 'LIMIT', 0, MOST)) do
  local t = redis.call('HMGET', p .. 'task:' .. id, 'state', 'pool', 'attempt', 'envelope')
  local slots = t[2] and tonumber(redis.call('HGET', p .. 'slots', t[2])) or 0
  if t[1] ~= 'released' then
    redis.call('ZREM', p .. 'released', id)
  elseif slots <= 0 then
    -- Nobody is left to claim it: back to the lane, another pool may be able to take it.
    redis.call('ZREM', p .. 'released', id)
    free_slot(p, id, now, nil)
    retry_task(p, id, now, 0, '', 'lost')
  else
    -- The message was lost between broker and worker, or waits behind a full pool: a new attempt fences the old message.
    redis.call('ZADD', p .. 'released', stamp(now), id)
    redis.call('HSET', p .. 'task:' .. id, 'attempt', t[3] + 1)
    deliver(p, t[2], t[4], t[3] + 1)
    resent = resent + 1
    redis.call('XADD', p .. 'repairs', 'MAXLEN', '~', 1000, '*', 'kind', 'sent_again', 'task', id, 'pool', t[2])
  end
end

for _, id in ipairs(redis.call('ZRANGE', p .. 'parked', 0, 49)) do
  local t = redis.call('HMGET', p .. 'task:' .. id, 'tenant', 'type', 'estimate', 'tokens', 'model', 'state')
  local verdict = t[1] and t[6] == 'held' and budget.reserve(p, {task = id, tenant = t[1], type = t[2], estimate = tonumber(t[3]) or 0,
    tokens = tonumber(t[4]) or 0, model = t[5]}, math.floor(now * 1000))
  if not verdict then
    redis.call('ZREM', p .. 'parked', id)
  elseif verdict.status == 'ok' then
    redis.call('ZREM', p .. 'parked', id)
    hold_task(p, id, read_holdable(p, id), now)
  else
    -- To the end of the line: one empty budget must not hide the tasks of others.
    redis.call('ZADD', p .. 'parked', stamp(now), id)
  end
end

for _, pool in ipairs(redis.call('HKEYS', p .. 'queues')) do
  local t = redis.call('HMGET', p .. 'stats:' .. pool, 'test_rate', 'grey')
  if (tonumber(t[1]) or 0) > 0 or (tonumber(t[2]) or 1) > 1 then -- one left alone is forgiven with time
    local grey = test_pool(p, pool, 0, 0, now)
    if math.abs(grey - (tonumber(t[2]) or 1)) > 0.05 * grey then
      redis.call('HSET', p .. 'stats:' .. pool, 'grey', grey)
      for _, field in ipairs(redis.call('HKEYS', p .. 'stats:' .. pool)) do
        local kind = string.match(field, '^v:(.+)$')
        if kind then save_factor(p, pool, kind, read_known(p, pool, kind), grey) end
      end
    end
  end
end

for _, field in ipairs(redis.call('HKEYS', p .. 'retry_budget')) do
  if tonumber(string.match(field, ':(%d+)$')) < math.floor(now / 60) - 1 then redis.call('HDEL', p .. 'retry_budget', field) end
end

local all = 0
forget_shape(p)
for _, slots in ipairs(redis.call('HVALS', p .. 'slots')) do all = all + tonumber(slots) end
redis.call('HSET', p .. 'fair', '#slots', all)
local released = fill(p, nil, now, 'tick')
end_run(p)
local more = (math.max(due, expired, lost, recovered, resent) >= MOST or released >= FILL_AT_MOST) and 1 or 0
return {1, more, due, expired, lost, recovered, resent, released, redis.call('LPOP', p .. 'untold', 50) or {}, outgoing}
