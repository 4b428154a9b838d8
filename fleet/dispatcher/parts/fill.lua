-- Held tasks and free slots meet: fill(p, only, now, cause) releases what match.lua chooses; only = a pool, or nil for all.
--@include dispatcher/deciders/match.lua
--@include dispatcher/parts/pools.lua
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/release.lua
--@include dispatcher/parts/end_task.lua
--@include dispatcher/parts/describe.lua
--@include dispatcher/parts/profile.lua
local FILL_AT_MOST, FILL_POOL_AT_MOST = 200, 8 -- of all pools (a tick), of one whose slot became free

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

-- The lane's first task that may go; tasks that already failed on `only` let the next ones pass.
local function lane_head(p, lane, only, now)
  for _, id in ipairs(redis.call('ZRANGE', lane_key(p, lane), 0, 3)) do
    local head = read_head(p, lane, id, now)
    if not head then
      unhold_task(p, id, lane)
    elseif head.deadline and now > head.deadline then
      unhold_task(p, id, lane)
      end_task(p, id, 'dead', now, {reason = 'deadline passed while held', retry = true})
    elseif not (only and head.excluded and head.excluded[only]) then
      return head
    end
  end
  local first = redis.call('ZRANGE', lane_key(p, lane), 0, 0)[1]
  return first and read_head(p, lane, first, now) or nil
end

local function fill(p, only, now, cause)
  local heads, factors, names, known, released = {}, {}, {}, {}, 0
  local function add(name)
    if not known[name] then known[name], names[#names + 1] = true, name end
  end
  if only and not wants_work(p, only) then return 0 end
  for _, lane in ipairs(redis.call('SMEMBERS', p .. 'lanes')) do
    local bound = string.match(lane, '^@(.+)$')
    if not only or not bound or bound == only then
      local row = not bound and factor_row(p, lane)
      if not only or bound or row[only] then
        if bound then add(bound) else for name in pairs(row) do add(name) end end
        if redis.call('HEXISTS', p .. 'paused', lane) == 0 then
          heads[#heads + 1] = {lane = lane, bound = bound, row = row}
        end
      end
    end
  end
  if #heads == 0 then return 0 end
  table.sort(names)
  local pools, index = gather_pools(p, names, now)
  local options = {hold = knob(p, 'hold'), only_pool = only, noise = 0.1,
    held = math.max(counted(p .. 'inflight', '#held'), 1)}
  if only and (not index[only] or pools[index[only]].free <= 0) then return 0 end
  local queue = {}
  local function refresh(source)
    local head = lane_head(p, source.lane, only, now)
    if not head then return nil end
    -- A bound task knows one pool only; it keeps its own row so that match.lua compares it by age.
    head.source, head.kind = source, head.type
    head.type = source.lane
    factors[head.type] = source.row or {[source.bound] = 1}
    return head
  end
  for _, source in ipairs(heads) do queue[#queue + 1] = refresh(source) end
  while #queue > 0 and released < (only and FILL_POOL_AT_MOST or FILL_AT_MOST) do
    local h, q, score = match(queue, pools, factors, options)
    if not h then break end
    local head, pool = queue[h], pools[q]
    local decision = describe(head, pools, factors[head.type], pool.name, score, cause, now - head.held_at)
    unhold_task(p, head.id, head.lane, head.tenant, true)
    head.type = head.kind
    release_task(p, head.id, head, pool, now, decision)
    pool.free = pool.free - 1
    released = released + 1
    options.held = math.max(options.held - 1, 1)
    if only and pool.free <= 0 then break end
    local nxt = refresh(head.source)
    if nxt then queue[h] = nxt else table.remove(queue, h) end
  end
  return released
end
