-- Is there a slot for a new task right now? place_task(p, a, task, kind, now) -> pool, decision; nil when it has to wait:
-- for a slot, or (third answer) for workers that understand it.
-- Sets task.bound where a strategy or a rollout has chosen the pool already. All tasks of one run see the same pools: a
-- release counts down what is free.
--@include dispatcher/parts/fill.lua
--@include dispatcher/parts/assign.lua
--@include dispatcher/parts/run.lua
local function pools_now(p, names, now)
  local known, pools, fresh = memo.pools or {}, {}, {}
  memo.pools = known
  for _, name in ipairs(names) do
    if not known[name] then fresh[#fresh + 1] = name end
  end
  for _, pool in ipairs(#fresh > 0 and gather_pools(p, fresh, now) or {}) do known[pool.name] = pool end
  for index, name in ipairs(names) do pools[index] = known[name] end
  return pools
end

-- A contract of a task type as this run sees it: its lane, who can run it (no names: nobody), how large its tasks are.
local function kind_of(p, task_type, contract)
  local kinds, lane = memo.kinds or {}, lane_for(task_type, contract)
  memo.kinds = kinds
  local kind = kinds[lane]
  if not kind then
    kind = {lane = lane, row = factor_row(p, task_type), names = {}, size = read_size(p, task_type)}
    for name in pairs(kind.row) do kind.names[#kind.names + 1] = name end
    table.sort(kind.names)
    kinds[lane] = kind
  end
  return kind
end

local function is_lane_empty(p, lane) return redis.call('EXISTS', lane_key(p, lane)) == 0 end

-- The early-binding strategies rank pools in the producer; the first with room gets the task, else it queues at the first.
-- Pools that would not understand it are passed over; with none left it is held for its type.
local function bind(p, a, now)
  local names = {}
  for name in string.gmatch(a.ranking, '[^,]+') do names[#names + 1] = name end
  local pools = {}
  for _, pool in ipairs(pools_now(p, names, now)) do
    if understands(p, pool.name, a.type, a.contract) then pools[#pools + 1] = pool end
  end
  for _, pool in ipairs(pools) do
    if pool.free > 0 and not pool.out and is_lane_empty(p, '@' .. pool.name) then return pool, true end
  end
  return pools[1], false
end

-- A held task's ranking is older than the fleet is now: bind(p, a, now) once more, on its record too.
local function bind_again(p, id, task, ranking, now)
  local pool = bind(p, {ranking = ranking, type = task.type, contract = task.contract}, now)
  task.bound = pool and pool.name
  redis.call('HSET', p .. 'task:' .. id, 'bound', task.bound or '')
end

local function place_late(p, a, task, kind, now)
  if kind.is_blocked == nil then
    kind.is_blocked = not is_lane_empty(p, kind.lane) or (not is_calm(p) and redis.call('HEXISTS', p .. 'paused', a.type) == 1)
  end
  if kind.is_blocked then return nil end
  local pools = pools_now(p, kind.names, now)
  kind.fits = kind.fits or fitting(p, kind.lane, kind.row, kind.names)
  local head = {id = a.id, type = a.type, size = task.size, age = 0, priority = a.priority}
  local options = {hold = knob(p, 'hold'), held = counted(p .. 'inflight', '#held') + 1, noise = 0.02}
  local _, q, score = match({head}, pools, {[a.type] = kind.fits}, options)
  if not q then
    kind.is_blocked = true -- it will be held now, and the next ones behind it
    return nil, nil, not next(kind.fits)
  end
  return pools[q], describe(head, pools, kind.fits, pools[q].name, score, 'submit', 0)
end

local function place_task(p, a, task, kind, now)
  local version, record = assign(p, a.id, a.type, a.contract, now), task.record
  if not version and a.ranking == '' then return place_late(p, a, task, kind, now) end
  local pool, is_free, decision = version, nil, a.why
  if version then
    is_free = version.free > 0 and is_lane_empty(p, '@' .. version.name)
    decision = describe({size = task.size}, {version}, {[version.name] = 1}, version.name, 0, 'rollout', 0)
  else
    pool, is_free = bind(p, a, now)
    record[#record + 1], record[#record + 2] = 'why', a.why
  end
  if not pool then return nil, nil, true end
  task.bound = pool.name
  record[#record + 1], record[#record + 2] = 'bound', pool.name
  if is_free then return pool, decision end
end
