-- A task waits for a slot: hold_task(p, id, task, now) puts it into its lane; unhold_task takes it out.
-- task = {type, tenant, priority, size, bound?}; lane = the type, or @pool when a strategy bound it early.
-- Score: priority first, then start-time fair queueing between tenants. `first` = before everything of its priority.
--@include dispatcher/deciders/fair.lua
--@include dispatcher/parts/time.lua
local PRIORITY_BAND = 1e12

local function lane_of(task)
  if task.bound and task.bound ~= '' then return '@' .. task.bound end
  return task.type
end

local function hold_task(p, id, task, now, first)
  local lane = lane_of(task)
  local tag = 0
  if not first then
    local fair, weight = p .. 'fair:' .. lane, tonumber(redis.call('HGET', p .. 'weights', task.tenant)) or 1
    local known = redis.call('HMGET', fair, 'v', 'f:' .. task.tenant)
    local start, finish = fair_tags(tonumber(known[1]) or 0, tonumber(known[2]) or 0, task.size, weight)
    redis.call('HSET', fair, 'f:' .. task.tenant, stamp(finish))
    tag = start
  end
  redis.call('ZADD', p .. 'held:' .. lane, stamp((9 - task.priority) * PRIORITY_BAND + tag), id)
  redis.call('SADD', p .. 'lanes', lane)
  redis.call('HINCRBY', p .. 'inflight', '#held', 1)
  redis.call('HSET', p .. 'task:' .. id, 'state', 'held', 'held', stamp(now), 'lane', lane)
end

local function unhold_task(p, id, lane)
  local key = p .. 'held:' .. lane
  local score = tonumber(redis.call('ZSCORE', key, id))
  if not score then return false end
  redis.call('ZREM', key, id)
  redis.call('HINCRBY', p .. 'inflight', '#held', -1)
  if redis.call('EXISTS', key) == 0 then
    redis.call('SREM', p .. 'lanes', lane)
    redis.call('DEL', p .. 'fair:' .. lane)
  else
    local tag = score % PRIORITY_BAND
    if tag > (tonumber(redis.call('HGET', p .. 'fair:' .. lane, 'v')) or 0) then
      redis.call('HSET', p .. 'fair:' .. lane, 'v', stamp(tag))
    end
  end
  return true
end
