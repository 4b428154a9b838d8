-- A task waits for a slot: hold_task(p, id, task, now) puts it into its lane; unhold_task takes it out.
-- task = {type, contract?, tenant, priority, size, bound?, tag?, is_new?}; its lane: contracts.lua, or @pool when bound early.
-- Score: priority first, then the fair start among tenants (fair.lua); a task held again keeps its tag, and so its age.
--@include dispatcher/deciders/fair.lua
--@include dispatcher/parts/fairness.lua
--@include dispatcher/parts/contracts.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
local PRIORITY_BAND = 1e10

local function lane_of(task)
  if task.bound and task.bound ~= '' then return '@' .. task.bound end
  return lane_for(task.type, task.contract)
end

-- The key of a lane, with everything in it that this run has put there.
local function lane_key(p, lane)
  local key = p .. 'held:' .. lane
  send_pending(key)
  return key
end

-- Write fields of a task's record. A new task has none yet: then what every task has, and what few have (`more`, a flat
-- list), goes with them in one step.
local function write_record(p, id, task, now, ...)
  local key = p .. 'task:' .. id
  if not task.is_new then
    redis.call('HSET', key, ...)
  else
    redis.call('HSET', key, 'type', task.type, 'tenant', task.tenant, 'priority', task.priority, 'profile', task.profile.text,
      'envelope', task.envelope, 'size', task.size, 'submitted', now, 'held', now, ...)
    if task.more and task.more[1] then redis.call('HSET', key, unpack(task.more)) end
  end
end

local function hold_task(p, id, task, now)
  local lane, tag, one = lane_of(task), task.tag, count_open(p, task.tenant, 1)
  if not tag then
    local all = whole(p)
    -- A tenant that is alone is dated as if it were not, quite: whoever comes after its burst shall not wait for all of it.
    tag, one.clock = fair_start(now, one.clock, one.held > 0, charged(p, task.size), one.weight,
      math.max(all.active, one.weight * 1.000001), all.slots)
    tag = tag + (task.place or 0) * 2e-5 -- a batch keeps its order
  end
  one.held = one.held + 1
  put_off('ZADD', p .. 'held:' .. lane, (9 - task.priority) * PRIORITY_BAND + tag, id)
  local listed = child(memo, 'lanes')
  if not listed[lane] then
    if redis.call('SADD', p .. 'lanes', lane) == 1 then note_lanes(p) end
    listed[lane] = true
  end
  tally(p .. 'inflight', '#held', 1)
  if task.is_new then
    write_record(p, id, task, now, 'state', 'held', 'lane', lane, 'tag', tag)
  else
    write_record(p, id, task, now, 'state', 'held', 'lane', lane, 'tag', tag, 'held', now)
    forget_head(p, lane, id)
  end
end

-- One of the tenant's tasks less in this lane.
local function leave_lane(p, lane, tenant)
  memo.left = memo.left or {}
  memo.left[lane] = true
  tally(p .. 'inflight', '#held', -1)
  local one = shares(p, tenant)
  one.held, one.has_changed = math.max(one.held - 1, 0), true
end

-- A held task that this run has just read is released: it stays open. is_more: the lane holds others.
local function take_held(p, id, lane, tenant, is_more)
  put_off('ZREM', p .. 'held:' .. lane, id)
  leave_lane(p, lane, tenant)
  if is_more then memo.left[lane] = nil end
end

local function unhold_task(p, id, lane)
  if redis.call('ZREM', lane_key(p, lane), id) == 0 then return false end
  local tenant = redis.call('HGET', p .. 'task:' .. id, 'tenant') or 'default'
  leave_lane(p, lane, tenant)
  count_open(p, tenant, -1)
  return true
end

-- Lanes that became empty are no lanes any more.
finishers[#finishers + 1] = function(p)
  for lane in pairs(memo.left or {}) do
    if redis.call('EXISTS', lane_key(p, lane)) == 0 and redis.call('SREM', p .. 'lanes', lane) == 1 then note_lanes(p) end
  end
  memo.left = nil
end
