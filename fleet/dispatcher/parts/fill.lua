-- Held tasks and free slots meet: fill(p, only, now, cause) releases what match.lua chooses; only = a pool whose slot became
-- free, or nil for all. Where other pools that run the same types have idle slots, they are filled with it.
--@include dispatcher/deciders/match.lua
--@include dispatcher/parts/pools.lua
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/release.lua
--@include dispatcher/parts/end_task.lua
--@include dispatcher/parts/describe.lua
--@include dispatcher/parts/profile.lua
local FILL_AT_MOST, FILL_POOL_AT_MOST = 50, 8 -- of all pools, in one run of a few milliseconds; of one whose slot became free
local LOOK_AT_MOST, FETCH = 5, 8 -- tasks of a lane looked at for one that may go; ids fetched at a time
local HEADS_AT_MOST = 32 -- known of a lane

-- What is asked of a head to be compared; it stays so while the task is held, so it is known between runs (shape).
local function fetch_head(p, lane, id)
  local t = redis.call('HMGET', p .. 'task:' .. id, 'type', 'size', 'held', 'priority', 'excluded', 'profile', 'deadline', 'tag', 'tenant')
  if not t[1] then return nil end
  local head = {id = id, lane = lane, kind = t[1], size = tonumber(t[2]), held_at = tonumber(t[3]), priority = tonumber(t[4]),
    profile = profile_of(t[6] or ''), deadline = tonumber(t[7]), tag = tonumber(t[8]), tenant = t[9]}
  if t[5] and t[5] ~= '' then
    head.excluded = {}
    for pool in string.gmatch(t[5], '[^,]+') do head.excluded[pool] = true end
  end
  return head
end

-- A head's age counts from its fair start, or from its arrival while one tenant has the fleet to itself.
local function read_head(p, lane, id, now)
  local heads = child(shape(p).heads, lane)
  local head = heads[id]
  if not head then
    head = fetch_head(p, lane, id)
    if not head then return nil end
    if (heads[0] or 0) >= HEADS_AT_MOST then
      heads = {}
      shape(p).heads[lane] = heads
    end
    heads[id], heads[0] = head, (heads[0] or 0) + 1
  end
  head.type, head.age = lane, math.max(0, now - (whole(p).tenants > 1 and head.tag or head.held_at))
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
      source.fetch = at == 1 and source.fetch or FETCH + 1
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
    elseif source.bound and not understands(p, source.bound, head.kind, head.profile.contract) then
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
  return source.first or nil
end

local NOTHING = {}

-- What a lane is, known between runs, and where to take its tasks from. A lane of a bound pool knows that one only.
local function lane_facts(p, known, lane)
  local facts = known.lanes[lane]
  if not facts then
    local bound = string.sub(lane, 1, 1) == '@' and string.sub(lane, 2) or nil
    local pools = bound and {names = {bound}, has = {[bound] = true}} or lane_pools(p, known, lane)
    facts = {has = pools.has, pausing = bound and lane or (read_lane(lane)), source = {lane = lane, bound = bound or false,
      names = pools.names, ids = NOTHING, is_all = false, fetch = 0, at = 0, first = false}}
    known.lanes[lane] = facts
  end
  return facts
end

-- The facts of the lanes that hold tasks which may go to `only` (or anywhere), known until another lane holds tasks or none.
local function lanes_for(p, known, only)
  local count, listing = whole(p).lanes, known.listing
  if not listing or not count or listing.count ~= count then
    listing = {count = count, lanes = redis.call('SMEMBERS', p .. 'lanes'), open = {}}
    known.listing = listing
  end
  local open = listing.open[only or 0]
  if not open then
    open = {}
    for _, lane in ipairs(listing.lanes) do
      local facts = lane_facts(p, known, lane)
      if not only or facts.has[only] then open[#open + 1] = facts end
    end
    listing.open[only or 0] = open
  end
  return open
end

-- Those whose tasks nobody has paused: where to take tasks from, and all their pools.
local function open_sources(p, known, only)
  local open, sources = lanes_for(p, known, only), {}
  for _, facts in ipairs(open) do
    if is_calm(p) or redis.call('HEXISTS', p .. 'paused', facts.pausing) == 0 then
      local source = facts.source
      source.ids, source.is_all = NOTHING, false
      sources[#sources + 1] = source
    end
  end
  if #sources == #open and open.union then return sources, open.union end
  local lanes = {}
  for index, source in ipairs(sources) do lanes[index] = source.lane end
  local names = union_of(p, known, lanes)
  if #sources == #open then open.union = names end
  return sources, names
end

-- The chosen head goes: what a release needs of its record is read only now.
local function let_go(p, head, pool, now, decision)
  local t = redis.call('HMGET', p .. 'task:' .. head.id, 'attempt', 'envelope')
  table.remove(head.source.ids, head.source.at)
  take_held(p, head.id, head.lane, head.tenant, head.source.ids[1])
  forget_head(p, head.lane, head.id)
  head.type, head.attempt, head.envelope = head.kind, tonumber(t[1]) or 0, t[2]
  release_task(p, head.id, head, pool, now, decision)
  pool.free = pool.free - 1
end

local function is_any(heads)
  for index = 1, #heads do
    if heads[index] then return true end
  end
  return false
end

local function fill(p, only, now, cause)
  if not only then note_idle(p, false) end
  if only and not wants_work(p, only) then return 0 end
  local known = shape(p)
  local sources, names = open_sources(p, known, only)
  if #sources == 0 then return 0 end
  local pools, index = gather_pools(p, names, now)
  if only and (not index[only] or pools[index[only]].free <= 0) then return 0 end
  local most, held = only and FILL_POOL_AT_MOST or FILL_AT_MOST, counted(p .. 'inflight', '#held')
  local options = {hold = knob(p, 'hold'), noise = 0.1, held = math.max(held, 1)}
  if only and not has_idle(pools, only) then options.only_pool = only end
  local heads, factors, released = {}, known.factors, 0
  local function next_of(source)
    source.first = false
    local head = lane_head(p, source, only, now)
    if head then head.source = source end
    return head
  end
  for _, source in ipairs(sources) do
    -- One more than may go: it tells that the lane does not become empty.
    source.fetch = (only and math.min(pools[index[only]].free, FETCH) or FETCH) + 1
    if source.bound then known.factors[source.lane] = known.factors[source.lane] or {[source.bound] = 1}
    else lane_row(p, known, source.lane, source.names) end
    heads[#heads + 1] = next_of(source)
  end
  local round = open_round(heads, pools, factors, options)
  while released < most do
    local h, q, score = choose(round)
    if not h then break end
    local head, pool = heads[h], pools[q]
    let_go(p, head, pool, now, describe(head, pools, factors[head.lane], pool.name, score, cause, now - head.held_at))
    released, options.held = released + 1, math.max(options.held - 1, 1)
    if options.only_pool and pool.free <= 0 then break end
    took(round)
    enter(round, h, next_of(head.source))
  end
  if has_idle(pools) and is_any(heads) then note_idle(p, true) end
  return released
end
