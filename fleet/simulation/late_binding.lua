-- How does late binding behave over time? The simulator's bookkeeping around the production deciders.
-- Everything that decides (match, cost, attempt, fair, outlier) is included, not copied; this file only keeps
-- what production keeps in Redis. Types, pools, tenants and tasks are small integers here.
--@include dispatcher/deciders/match.lua
--@include dispatcher/deciders/cost.lua
--@include dispatcher/deciders/attempt.lua
--@include dispatcher/deciders/fair.lua
--@include dispatcher/deciders/outlier.lua
--@include simulation/held.lua

local pools, types, tasks, tenants, factors, options

-- setup: pools[] {slots, price (USD per slot-hour)}, types[] {size, capable[pool]}, known? (factors nobody learns),
-- weights[tenant], hold, noise, kappa, ejects.
local function configure(setup)
  pools, types, tasks, tenants, factors, options = {}, {}, {}, {}, {}, {}
  for name, pool in ipairs(setup.pools) do
    pools[name] = {name = name, free = pool.slots, slots = pool.slots, price = pool.price, service = 10, serviced = 0,
                   speed = 1, sped = 0, expected = 0, done = 0, rate = 0, tested = 0, standing = healthy_standing()}
  end
  for name, kind in ipairs(setup.types) do
    types[name] = {held = {}, size = new_size(kind.size), capable = kind.capable, learned = {}}
    for pool in pairs(kind.capable) do types[name].learned[pool] = {speed = 1, count = 0, success = 1} end
    factors[name] = {}
  end
  for name, weight in ipairs(setup.weights) do tenants[name] = {weight = weight, open = 0, held = 0, clock = 0} end
  options = {hold = setup.hold, noise = setup.noise, kappa = setup.kappa, ejects = setup.ejects, held = 0,
             slots = 0, active_weight = 0, worked = 1, predicted = 1}
  for _, pool in ipairs(pools) do options.slots = options.slots + pool.slots end
  if setup.known then factors, options.known = setup.known, true end
end

-- A tenant is active while it has held or running tasks.
local function count_open(tenant, change)
  local before = tenant.open
  tenant.open = before + change
  if before == 0 then options.active_weight = options.active_weight + tenant.weight end
  if tenant.open == 0 then options.active_weight = options.active_weight - tenant.weight end
end

local function settle(pool, now)
  pool.expected, pool.done = settle_test(pool.expected, pool.done, pool.rate, now - pool.tested)
  pool.tested = now
end

-- What is known about a type on a pool, as learn_attempt wants it.
local function known_of(kind, pool)
  local pair = kind.learned[pool.name]
  return {speed = pair.speed, count = pair.count, pool_speed = pool.speed, pool_count = pool.sped, size = kind.size}
end

-- Bring factors and standings up to now.
local function refresh(now)
  if options.known then return end
  for name, pool in ipairs(pools) do
    settle(pool, now)
    pool.grey = grey_factor(pool.expected, pool.done, pool.grey)
    for id, kind in ipairs(types) do
      local learned = kind.learned[name]
      if learned then
        local speed = shrunk_speed(learned.speed, learned.count, pool.speed)
        factors[id][name] = cost_factor(speed, learned.success, pool.price, options.kappa, pool.grey)
      end
    end
    pool.out = options.ejects and standing_at(pool.standing, now) == 'out'
  end
end

local function start(task, pool, now)
  pool.free = pool.free - 1
  task.tenant.held = task.tenant.held - 1
  options.held = options.held - 1
  task.pool = pool
  if options.known then return end
  task.pace = test_rate(known_of(types[task.type], pool), task.size)
  settle(pool, now)
  pool.rate = pool.rate + task.pace
  task.is_probe = options.ejects and standing_at(pool.standing, now) == 'probe'
  if task.is_probe then pool.standing.probing, pool.out = 1, true end
end

local function head_of(kind, now)
  local task = kind.held[1]
  if task then task.age = math.max(0, now - task.tag) end
  return task
end

-- Release whatever may go now. -> task, pool, task, pool, ...
local function release(now)
  local released, heads, kinds = {}, {}, {}
  local is_open = false
  for _, pool in ipairs(pools) do is_open = is_open or pool.free > 0 end
  if not is_open or options.held <= 0 then return end
  refresh(now)
  for _, kind in ipairs(types) do
    local task = head_of(kind, now)
    if task then heads[#heads + 1], kinds[#kinds + 1] = task, kind end
  end
  local round = open_round(heads, pools, factors, options)
  while true do
    local index, at = choose(round)
    if not index then break end
    local task = heads[index]
    take_first(kinds[index].held)
    start(task, pools[at], now)
    took(round)
    enter(round, index, head_of(kinds[index], now))
    released[#released + 1] = task.id
    released[#released + 1] = at
  end
  return unpack(released)
end

-- hint: whatever was declared about the size (0: nothing); with known factors it is the size itself.
local function arrive(now, id, type, tenant, priority, hint)
  local kind = types[type]
  local size = options.known and hint or predict_size(kind.size, hint)
  local owner = tenants[tenant]
  count_open(owner, 1)
  local tag
  tag, owner.clock = fair_start(now, owner.clock, owner.held > 0, size * options.worked / options.predicted, owner.weight,
    options.active_weight, options.slots)
  local task = {id = id, type = type, tenant = owner, tag = tag, size = size, hint = hint, priority = priority}
  tasks[id] = task
  owner.held = owner.held + 1
  hold(kind.held, task)
  options.held = options.held + 1
  return release(now)
end

local function learn(task, pool, seconds, ok, now)
  local kind, pair = types[task.type], types[task.type].learned[pool.name]
  settle(pool, now)
  pool.rate = math.max(0, pool.rate - task.pace)
  if task.pace > 0 then pool.done = pool.done + test_weight(known_of(kind, pool)) end
  pair.success = learn_success(pair.success, ok)
  if options.ejects then
    pool.standing = standing_after(pool.standing, ok, now, task.is_probe, false)
  end
  if not ok then return end
  options.worked, options.predicted = learn_pace(options.worked, options.predicted, seconds, task.size)
  local wiser = learn_attempt(known_of(kind, pool), task.hint, seconds)
  pair.speed, pair.count, pool.speed, pool.sped = wiser.speed, wiser.count, wiser.pool_speed, wiser.pool_count
  kind.size = wiser.size
  pool.service, pool.serviced = learn_service(pool.service, pool.serviced, seconds)
end

-- again: the failed task has attempts left; it keeps its tag and age, and avoids this pool from now on.
local function finish(now, id, seconds, ok, again)
  local task = tasks[id]
  local pool = task.pool
  pool.free = pool.free + 1
  if options.known then
    pool.service, pool.serviced = learn_service(pool.service, pool.serviced, seconds)
  else
    learn(task, pool, seconds, ok, now)
  end
  if again then
    task.excluded = task.excluded or {}
    task.excluded[pool.name] = true
    hold(types[task.type].held, task)
    options.held, task.tenant.held = options.held + 1, task.tenant.held + 1
  else
    tasks[id] = nil
    count_open(task.tenant, -1)
  end
  return release(now)
end

local function held_count() return options.held end

-- Replicas came or went: so many slots now; tasks that still run on leaving replicas keep theirs until they end.
local function resize(now, name, slots)
  local pool = pools[name]
  pool.free = pool.free + slots - pool.slots
  pool.slots = slots
  return release(now)
end
