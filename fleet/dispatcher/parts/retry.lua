-- An attempt is over but the task is not: retry_task(p, id, t, now, delay, exclude, why) holds it again or lets it wait.
-- The caller has freed the slot. Excluding the pool that failed is a wish: match.lua relaxes it rather than strand a task.
-- may_retry(p, now): are retries still within their share of the traffic (at least 10 a minute)?
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/knobs.lua
--@include dispatcher/parts/profile.lua
--@include dispatcher/parts/record.lua
--@include dispatcher/parts/run.lua
local function may_retry(p, now)
  local key, minute = p .. 'retry_budget', math.floor(now / 60)
  local t = redis.call('HMGET', key, 'first:' .. minute, 'first:' .. minute - 1, 'retries:' .. minute, 'retries:' .. minute - 1)
  local first, retries = (tonumber(t[1]) or 0) + (tonumber(t[2]) or 0), (tonumber(t[3]) or 0) + (tonumber(t[4]) or 0)
  if retries + 1 > 10 + knob(p, 'retry_budget') * first then return false end
  redis.call('HINCRBY', key, 'retries:' .. minute, 1)
  return true
end

local function read_holdable(p, id)
  local t = redis.call('HMGET', p .. 'task:' .. id, 'type', 'tenant', 'priority', 'size', 'bound', 'excluded', 'tag', 'profile')
  return {type = t[1], tenant = t[2], priority = tonumber(t[3]) or 5, size = tonumber(t[4]) or 10, bound = t[5] or nil,
    excluded = t[6] or '', tag = tonumber(t[7]), contract = profile_of(t[8] or '').contract}
end

local function retry_task(p, id, now, delay, exclude, label)
  local task = read_holdable(p, id)
  -- Released at once, it was never dated: then its age counts from its arrival, or it would start at the end of the line.
  task.tag = task.tag or tonumber(redis.call('HGET', p .. 'task:' .. id, 'submitted'))
  if exclude and exclude ~= '' and not string.find(',' .. task.excluded .. ',', ',' .. exclude .. ',', 1, true) then
    task.excluded = task.excluded == '' and exclude or task.excluded .. ',' .. exclude
  end
  -- A task that failed where it was bound, or whose pool has no worker left, is free to go elsewhere.
  if (exclude and exclude ~= '') or (task.bound and (tonumber(redis.call('HGET', p .. 'slots', task.bound)) or 0) <= 0) then
    task.bound = nil
  end
  redis.call('HSET', p .. 'task:' .. id, 'excluded', task.excluded, 'bound', task.bound or '', 'worker', '', 'started', '')
  forget_record(id)
  metric_count(p, 1, 'fleet_retries_total', task.type, label)
  if delay > 0 then
    redis.call('HSET', p .. 'task:' .. id, 'state', 'held', 'lane', '')
    redis.call('ZADD', p .. 'delayed', stamp(now + delay), id)
  else
    hold_task(p, id, task, now)
  end
end
