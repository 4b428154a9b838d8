-- Which pools understand a task? A lane is a task type, from its second contract on type#contract, or @pool when bound.
-- A pool's queue is shared by its workers, so all of its ready slots must understand the contract: while old and new
-- workers stand side by side, what only the new ones understand waits, or goes to another pool.
--@include dispatcher/parts/run.lua
local function lane_for(task_type, contract)
  if not contract or contract == '' or contract == '1' then return task_type end
  return task_type .. '#' .. contract
end

-- -> task type, contract ('1' unless the lane names another)
local function read_lane(lane)
  local task_type, contract = string.match(lane, '^(.-)#(.+)$')
  return task_type or lane, contract or '1'
end

-- What is known of who can run what: lane -> verdict (pool -> do all its slots understand?) and pools (lane_pools), with the
-- knobs (knobs.lua) and queues (release.lua). It holds while nobody joins, leaves or declares, and for some seconds, should
-- that be somebody of an older build who did not say so; building it takes longer than ten decisions. What is learned, of pools
-- and factors (pools.lua), and the heads of lanes (fill.lua) hold for a second: what this script learns it notes there, what
-- another one does it sees then. A run that changes it itself forgets it all: forget_shape.
local shapes = {}
local SHAPE_SECONDS = 5
local BY_NAME = {__mode = 'k'}

local function look_at_shape(p)
  local changed, known, second = redis.call('GET', p .. 'serving'), shapes[p], tonumber(this_second())
  if not known or not changed or known.changed ~= changed or second < known.since or second >= known.since + SHAPE_SECONDS then
    known = {changed = changed, since = second, verdicts = {}, capable = {}, pools = {}, unions = {}, lanes = {}}
    shapes[p] = known
  end
  if known.second ~= second then
    known.second, known.listing = second, nil
    known.records, known.rows, known.factors, known.heads, known.lists = {}, {}, {}, {}, setmetatable({}, BY_NAME)
  end
  return known
end

local function shape(p) return remembered('shape', look_at_shape, p) end

-- A task is held once more: what was known of it as a head is old.
local function forget_head(p, lane, id)
  local known = shapes[p]
  if known and known.heads[lane] then known.heads[lane][id] = nil end
end

-- From here on this run sees what others have learned a moment ago.
local function forget_shape(p) shapes[p], memo.shape = nil, nil end

local function judge(p, lane, verdict, names)
  local task_type, contract = read_lane(lane)
  local fields = {}
  for _, name in ipairs(names) do
    for _, word in ipairs({task_type .. '#' .. contract, '*'}) do fields[#fields + 1] = name .. ' ' .. word end
  end
  local counts, slots = redis.call('HMGET', p .. 'contracts', unpack(fields)), redis.call('HMGET', p .. 'slots', unpack(names))
  for index, name in ipairs(names) do
    local understand = (tonumber(counts[2 * index - 1]) or 0) + (contract == '1' and tonumber(counts[2 * index]) or 0)
    verdict[name] = understand >= (tonumber(slots[index]) or 0)
  end
end

-- Which of these pools understand the lane's tasks? -> verdict: pool -> yes or no.
local function verdict_on(p, known, lane, names)
  local verdict, unknown = child(known.verdicts, lane), {}
  for _, name in ipairs(names) do
    if verdict[name] == nil then unknown[#unknown + 1] = name end
  end
  if #unknown > 0 then judge(p, lane, verdict, unknown) end
  return verdict
end

-- The pools that can run tasks of this type, whether they understand them or not, sorted.
local function capable_pools(p, known, task_type)
  local names = known.capable[task_type]
  if not names then
    names = redis.call('HKEYS', p .. 'factors:' .. task_type)
    table.sort(names)
    known.capable[task_type] = names
  end
  return names
end

-- The pools that can run a lane's tasks and understand them. -> {names = sorted, has = {name = true}}
local function lane_pools(p, known, lane)
  local found = known.pools[lane]
  if not found then
    local names = capable_pools(p, known, (read_lane(lane)))
    local verdict = verdict_on(p, known, lane, names)
    found = {names = {}, has = {}}
    for _, name in ipairs(names) do
      if verdict[name] then found.names[#found.names + 1], found.has[name] = name, true end
    end
    known.pools[lane] = found
  end
  return found
end

-- The pools of all of these lanes, sorted. (Sorting a hundred names takes longer than deciding among them.)
local function union_of(p, known, lanes)
  local key, seen = table.concat(lanes, ' '), {}
  local names = known.unions[key]
  if names then return names end
  names = {}
  for _, lane in ipairs(lanes) do
    for _, name in ipairs(string.sub(lane, 1, 1) == '@' and {string.sub(lane, 2)} or lane_pools(p, known, lane).names) do
      if not seen[name] then seen[name], names[#names + 1] = true, name end
    end
  end
  table.sort(names)
  known.unions[key] = names
  return names
end

local function understands(p, pool, task_type, contract)
  return verdict_on(p, shape(p), lane_for(task_type, contract), {pool})[pool]
end
