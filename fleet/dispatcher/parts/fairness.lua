-- Who shares the fleet? `fair` counts what each tenant has held and open (held, released or running), remembers where its
-- clock stands (fair.lua), and sums the weights of the active ones.
-- Read once per tenant and run, written once at the end: shares(p, tenant) -> the tenant's numbers; whole(p) -> everybody's.
-- charged(p, size) -> what a task of this predicted size counts against its tenant, in seconds of a slot.
--@include dispatcher/deciders/learn.lua
--@include dispatcher/parts/run.lua
local function as_whole(tenants, active, slots, worked, predicted, lanes, idle)
  memo.whole = {tenants = tonumber(tenants) or 0, active = tonumber(active) or 0, slots = tonumber(slots) or 1,
    worked = tonumber(worked) or 1, predicted = tonumber(predicted) or 1, lanes = lanes, idle = idle == '1'}
  return memo.whole
end

local function whole(p)
  return memo.whole or as_whole(unpack(redis.call('HMGET', p .. 'fair', '#tenants', '#active', '#slots', '#worked', '#predicted', '#lanes', '#idle')))
end

local function charged(p, size) return size * whole(p).worked / whole(p).predicted end

-- The set of lanes has become another: `#lanes` counts how often, so that who knows them need not ask again.
local function note_lanes(p) whole(p).lanes = tostring(redis.call('HINCRBY', p .. 'fair', '#lanes', 1)) end

-- Do tasks wait though slots are idle, for better ones to become free (hold rule)? The more tasks wait, the sooner an idle
-- slot is worth while: then whoever brings one looks again.
local function note_idle(p, is_idle)
  local all = whole(p)
  all.has_idled, all.idle = all.has_idled or all.idle ~= is_idle, is_idle
end

-- A task of this predicted size took a slot for so long.
local function note_worked(p, service, size)
  local all = whole(p)
  all.worked, all.predicted = learn_pace(all.worked, all.predicted, service, size)
  all.has_paced = true
end

local function shares(p, tenant)
  local known = memo.shares or {}
  memo.shares = known
  local one = known[tenant]
  if not one then
    local key, a, b, c, t = p .. 'fair', 'open:' .. tenant, 'held:' .. tenant, 'clock:' .. tenant, nil
    if memo.whole then
      t = redis.call('HMGET', key, a, b, c)
    else
      t = redis.call('HMGET', key, a, b, c, '#tenants', '#active', '#slots', '#worked', '#predicted', '#lanes', '#idle')
      as_whole(unpack(t, 4, 10))
    end
    one = {open = tonumber(t[1]) or 0, held = tonumber(t[2]) or 0, clock = tonumber(t[3]) or 0}
    one.weight = not is_calm(p) and tonumber(redis.call('HGET', p .. 'weights', tenant)) or 1
    known[tenant] = one
  end
  return one
end

-- The tenant has so many open tasks more or less. -> the tenant's numbers
local function count_open(p, tenant, change)
  local one, all = shares(p, tenant), whole(p)
  local before = one.open
  one.open = math.max(before + change, 0)
  one.has_changed = true
  if before <= 0 and one.open > 0 then
    all.tenants, all.active, all.has_changed = all.tenants + 1, all.active + one.weight, true
  elseif before > 0 and one.open <= 0 then
    one.held, one.clock = 0, 0
    all.tenants, all.active, all.has_changed = all.tenants - 1, all.active - one.weight, true
  end
  return one
end

finishers[#finishers + 1] = function(p)
  local fields, gone, fair = {}, {}, p .. 'fair'
  local function put(name, text)
    fields[#fields + 1] = name
    fields[#fields + 1] = text
  end
  for tenant, one in pairs(memo.shares or {}) do
    if one.has_changed and one.open <= 0 then
      for _, name in ipairs({'open:', 'held:', 'clock:'}) do gone[#gone + 1] = name .. tenant end
    elseif one.has_changed then
      put('open:' .. tenant, one.open)
      put('held:' .. tenant, one.held)
      put('clock:' .. tenant, one.clock)
    end
  end
  local all = memo.whole
  if all and all.has_changed then
    put('#tenants', all.tenants)
    put('#active', all.active)
  end
  if all and all.has_paced then
    put('#worked', all.worked)
    put('#predicted', all.predicted)
  end
  if all and all.has_idled then put('#idle', all.idle and 1 or 0) end
  if #gone > 0 then redis.call('HDEL', fair, unpack(gone)) end
  if #fields > 0 then redis.call('HSET', fair, unpack(fields)) end
  memo.shares, memo.whole = nil, nil
end
