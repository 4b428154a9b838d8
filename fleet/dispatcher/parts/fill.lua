-- Held tasks and free slots meet: fill(p, only, now, cause) releases what match.lua chooses; only = a pool, or nil for all.
--@include dispatcher/deciders/match.lua
--@include dispatcher/parts/pools.lua
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/release.lua
--@include dispatcher/parts/end_task.lua
--@include dispatcher/parts/describe.lua
--@include dispatcher/parts/profile.lua
local FILL_AT_MOST, FILL_POOL_AT_MOST = 200, 8 -- of all pools (a tick), of one whose slot became free
local LOOK_AT_MOST, FETCH = 5, 8 -- tasks of a lane looked at for one that may go; ids fetched at a time

-- A head's age counts from its fair start, or from its arrival while one tenant has the fleet to itself.
local function read_head(p, lane, id, now)
  local t = redis.call('HMGET', p .. 'task:' .. id, 'type', 'size', 'held', 'priority', 'excluded', 'attempt', 'envelope',
    'profile', 'deadline', 'tag', 'tenant')
  if not t[1] then return nil end
  local is_alone = whole(p).tenants <= 1
  local since = not is_alone and tonumber(t[10]) or tonumber(t[3])
  local head = {id = id, lane = lane, type = t[1], size = tonumber(t[2]), held_at = tonumber(t[3]),
    age = math.max(0, now - since), tenant = t[11], priority = tonumber(t[4]), attempt = tonumber(t[6]) or 0, envelope = t[7],
    profile = profile_of(t[8] or ''), deadline = tonumber(t[9])}
  if t[5] and t[5] ~= '' then
    head.excluded = {}
    for pool in string.gmatch(t[5], '[^,]+') do head.excluded[pool] = true end
  end
  return head
end

-- A task is bound to a pool that does not understand it (any more): back to its type.
local function give_back(p, head, pool, now)
  redis.call('HSET', p .. 'task:' .. head.id, 'bound', '', 'reason', pool .. ' does not understand contract ' .. head.profile.contract)
  hold_task(p, head.id, read_holdable(p, head.id), now)
end

-- The lane's first task that may go; tasks that already failed on `only` let the next ones pass. source.ids: what comes next,
-- fetched a few at a time; what is taken or dropped leaves it.
local function lane_head(p, source, only, now)
  local lane, passed = source.lane, nil
  for _ = 1, LOOK_AT_MOST do
    local at = passed and passed + 1 or 1
    if not source.ids[at] and not source.is_all then
      source.fetch = at == 1 and source.fetch or FETCH
      source.ids = redis.call('ZRANGE', lane_key(p, lane), 0, source.fetch - 1)
      source.is_all = #source.ids < source.fetch
    end
    local id = source.ids[at]
    if not id then break end
    local head = read_head(p, lane, id, now)
    if not head or (head.deadline and now > head.deadline) then
      table.remove(source.ids, at)
      unhold_task(p, id, lane)
      if head then end_task(p, id, 'dead', now, {reason = 'deadline passed while held', retry = true}) end
    elseif source.bound and not understands(p, source.bound, head.type, head.profile.contract) then
      table.remove(source.ids, at)
      unhold_task(p, id, lane)
      give_back(p, head, source.bound, now)
    elseif only and head.excluded and head.excluded[only] then
      passed, source.first = at, source.first or head
    else
      source.at = at
      return head
    end
  end
  source.at = 1
  return source.first
end

-- The lanes whose tasks may go to `only` (or anywhere); a lane of a bound pool knows that one only.
local function open_lanes(p, shaped, only)
  local sources, lanes = {}, {}
  for _, lane in ipairs(redis.call('SMEMBERS', p .. 'lanes')) do
    local bound = string.sub(lane, 1, 1) == '@' and string.sub(lane, 2) or nil
    local known = not bound and lane_pools(p, shaped, lane)
    if not only or bound == only or (known and known.has[only]) then
      local type = read_lane(lane)
      if is_calm(p) or redis.call('HEXISTS', p .. 'paused', bound and lane or type) == 0 then
        sources[#sources + 1] = {lane = lane, type = type, bound = bound, names = known and known.names, ids = {}}
        lanes[#lanes + 1] = lane
      end
    end
  end
  return sources, lanes
end

local function fill(p, only, now, cause)
  if only and not wants_work(p, only) then return 0 end
  local shaped = shape(p)
  local sources, lanes = open_lanes(p, shaped, only)
  if #sources == 0 then return 0 end
  local pools, index = gather_pools(p, union_of(p, shaped, lanes), now)
  if only and (not index[only] or pools[index[only]].free <= 0) then return 0 end
  local options = {hold = knob(p, 'hold'), only_pool = only, noise = 0.1, held = math.max(counted(p .. 'inflight', '#held'), 1)}
  local queue, factors, released = {}, {}, 0
  local function next_of(source)
    source.first = nil
    local head = lane_head(p, source, only, now)
    if not head then return nil end
    head.source, head.kind, head.type = source, head.type, source.lane
    factors[source.lane] = source.row
    return head
  end
  for _, source in ipairs(sources) do
    source.fetch = only and math.min(pools[index[only]].free, FETCH) or FETCH
    source.row = source.bound and {[source.bound] = 1} or factors_of(p, source.type, source.names)
    queue[#queue + 1] = next_of(source)
  end
  while #queue > 0 and released < (only and FILL_POOL_AT_MOST or FILL_AT_MOST) do
    local h, q, score = match(queue, pools, factors, options)
    if not h then break end
    local head, pool = queue[h], pools[q]
    local decision = describe(head, pools, factors[head.type], pool.name, score, cause, now - head.held_at)
    table.remove(head.source.ids, head.source.at)
    take_held(p, head.id, head.lane, head.tenant)
    head.type = head.kind
    release_task(p, head.id, head, pool, now, decision)
    pool.free = pool.free - 1
    released = released + 1
    options.held = math.max(options.held - 1, 1)
    if only and pool.free <= 0 then break end
    local after = next_of(head.source)
    if after then queue[h] = after else table.remove(queue, h) end
  end
  return released
end
