-- A task waits for a slot: hold_task(p, id, task, now) puts it into its lane; unhold_task takes it out.
-- task = {type, tenant, priority, size, bound?, tag?, record?}; lane = the type, or @pool when a strategy bound it early.
-- Score: priority first, then the fair start among tenants (fair.lua); a task held again keeps its tag, and so its age.
-- `fair` counts what each tenant has held and open (held, released or running) and sums the weights of the active ones.
--@include dispatcher/deciders/fair.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
local PRIORITY_BAND = 1e10

local function lane_of(task)
  if task.bound and task.bound ~= '' then return '@' .. task.bound end
  return task.type
end

local function weight_of(p, tenant)
  return remembered('weight ' .. tenant, function() return tonumber(redis.call('HGET', p .. 'weights', tenant)) or 1 end)
end

-- The tenant has so many open tasks more or less.
local function count_open(p, tenant, change)
  local fair, field = p .. 'fair', 'open:' .. tenant
  local open = redis.call('HINCRBY', fair, field, change)
  if change > 0 and open == change then
    redis.call('HINCRBY', fair, '#tenants', 1)
    redis.call('HINCRBYFLOAT', fair, '#active', weight_of(p, tenant))
  elseif change < 0 and open <= 0 then
    redis.call('HDEL', fair, field, 'held:' .. tenant, 'clock:' .. tenant)
    redis.call('HINCRBY', fair, '#tenants', -1)
    redis.call('HINCRBYFLOAT', fair, '#active', -weight_of(p, tenant))
  end
end

-- Write fields of a task's record; those of a new task (`record`, a flat list) go with them in one step.
local function write_record(p, id, record, fields)
  if record then
    for _, value in ipairs(fields) do record[#record + 1] = value end
    fields = record
  end
  redis.call('HSET', p .. 'task:' .. id, unpack(fields))
end

local function hold_task(p, id, task, now)
  local lane, fair, tag = lane_of(task), p .. 'fair', task.tag
  count_open(p, task.tenant, 1)
  if not tag then
    local known = redis.call('HMGET', fair, 'clock:' .. task.tenant, 'held:' .. task.tenant, '#active', '#slots')
    local weight, clock = weight_of(p, task.tenant), nil
    -- A tenant that is alone is dated as if it were not, quite: whoever comes after its burst shall not wait for all of it.
    tag, clock = fair_start(now, tonumber(known[1]) or 0, (tonumber(known[2]) or 0) > 0, task.size, weight,
      math.max(tonumber(known[3]) or 1, weight * 1.000001), tonumber(known[4]) or 1)
    redis.call('HSET', fair, 'clock:' .. task.tenant, stamp(clock))
    tag = tag + (task.place or 0) * 2e-5 -- a batch keeps its order
  end
  redis.call('HINCRBY', fair, 'held:' .. task.tenant, 1)
  redis.call('ZADD', p .. 'held:' .. lane, stamp((9 - task.priority) * PRIORITY_BAND + tag), id)
  redis.call('SADD', p .. 'lanes', lane)
  redis.call('HINCRBY', p .. 'inflight', '#held', 1)
  write_record(p, id, task.record, {'state', 'held', 'held', stamp(now), 'lane', lane, 'tag', stamp(tag)})
end

-- goes_on: the task is released now and stays open.
local function unhold_task(p, id, lane, tenant, goes_on)
  local key = p .. 'held:' .. lane
  if redis.call('ZREM', key, id) == 0 then return false end
  redis.call('HINCRBY', p .. 'inflight', '#held', -1)
  if redis.call('EXISTS', key) == 0 then redis.call('SREM', p .. 'lanes', lane) end
  tenant = tenant or redis.call('HGET', p .. 'task:' .. id, 'tenant')
  if tenant then
    redis.call('HINCRBY', p .. 'fair', 'held:' .. tenant, -1)
    if not goes_on then count_open(p, tenant, -1) end
  end
  return true
end
