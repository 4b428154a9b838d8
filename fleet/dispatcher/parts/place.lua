-- Is there a slot for a new task right now? place_task(p, a, kind, now) -> pool, decision; nil when it has to wait:
-- for a slot, or (third answer) for workers that understand it.
-- Sets a.bound where a strategy or a rollout has chosen the pool already. All tasks of one run see the same pools: a
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
    kind = {lane = lane, names = capable_pools(p, shape(p), task_type), size = read_size(p, task_type)}
    kinds[lane] = kind
  end
  return kind
end

local function is_lane_empty(p, lane)
  local is_empty = redis.call('EXISTS', lane_key(p, lane)) == 0
  if not is_empty then child(memo, 'lanes')[lane] = true end
  return is_empty
end

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

local function place_late(p, a, kind, now)
  if kind.is_blocked == nil then
    kind.is_blocked = not is_lane_empty(p, kind.lane) or (not is_calm(p) and redis.call('HEXISTS', p .. 'paused', a.type) == 1)
  end
  if kind.is_blocked then return nil end
  local pools = pools_now(p, kind.names, now)
  kind.fits = kind.fits or lane_row(p, shape(p), kind.lane, lane_pools(p, shape(p), kind.lane).names)
  kind.rows = kind.rows or {[a.type] = kind.fits}
  kind.options = kind.options or {hold = knob(p, 'hold'), noise = 0.02}
  kind.options.held, a.age = counted(p .. 'inflight', '#held') + 1, 0
  local _, q, score = match({a}, pools, kind.rows, kind.options)
  if not q then
    kind.is_blocked = true -- it will be held now, and the next ones behind it
    if next(kind.fits) and has_idle(pools) then note_idle(p, true) end
    return nil, nil, not next(kind.fits)
  end
  return pools[q], describe(a, pools, kind.fits, pools[q].name, score, 'submit', 0)
end

local function place_task(p, a, kind, now)
  local version = assign(p, a.id, a.type, a.contract, now)
  if not version and a.ranking == '' then return place_late(p, a, kind, now) end
  local more = a.more or {}
  a.more = more
  local pool, is_free, decision = version, nil, a.why
  if version then
    is_free = version.free > 0 and is_lane_empty(p, '@' .. version.name)
    decision = describe(a, {version}, {[version.name] = 1}, version.name, 0, 'rollout', 0)
  else
    pool, is_free = bind(p, a, now)
    more[#more + 1], more[#more + 2] = 'why', a.why
  end
  if not pool then return nil, nil, true end
  a.bound = pool.name
  more[#more + 1], more[#more + 2] = 'bound', pool.name
  if is_free then return pool, decision end
end

-- What waited for a better slot than the idle ones may go now that more tasks wait.
local function fill_idle(p, now)
  if not whole(p).idle then return end
  for _, kind in pairs(memo.kinds or {}) do
    local pool = kind.is_blocked and has_idle(pools_now(p, kind.names, now))
    if pool then fill(p, pool.name, now, 'submit') end
  end
end
