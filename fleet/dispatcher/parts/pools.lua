-- How do these pools stand right now? gather_pools(p, names, now) -> pools for match.lua, index by name.
-- free = what may still be released: slots, and for pools of very short tasks more, to hide the hand-off: credit.
-- As many per slot as run within the threshold, at most eight: they wait no longer than that in the pool's queue.
-- A pool's slots and mean service stay known between runs (shape); how many of its slots are taken is read each time.
--@include dispatcher/parts/contracts.lua
--@include dispatcher/parts/knobs.lua
--@include dispatcher/parts/standing.lua
local function hand_off_credit(slots, service, threshold)
  if service >= threshold then return 0 end
  local each = math.min(8, math.floor(threshold / math.max(service, 0.0001)))
  return math.min(slots * each, math.max(slots, 16)) -- in all no more than one script releases in a millisecond
end

-- service: seconds, or nil where none has been measured.
local function set_service(record, service)
  record.service = service or 10
  record.tail = string.format(',"slots":%d,"service":%.6g', record.slots, record.service) -- see describe.lua
  record.credit = nil
end

local function read_records(p, known, names)
  local slots, service = redis.call('HMGET', p .. 'slots', unpack(names)), redis.call('HMGET', p .. 'service', unpack(names))
  for index, name in ipairs(names) do
    local record = {name = name, slots = tonumber(slots[index]) or 0}
    set_service(record, tonumber(service[index]))
    known.records[name] = record
  end
end

-- The record of a pool: {name, slots, service, credit}; free, out and probe are those of the run that gathers it.
local function record_of(p, known, name)
  local record = known.records[name]
  if not record then
    read_records(p, known, {name})
    record = known.records[name]
  end
  record.credit = record.credit or hand_off_credit(record.slots, record.service, knob(p, 'hand_off'))
  return record
end

-- The records of these pools; those that nobody knows yet are read together.
local function records_of(p, known, names)
  local records, fresh = {}, {}
  for _, name in ipairs(names) do
    if not known.records[name] then fresh[#fresh + 1] = name end
  end
  if #fresh > 0 then read_records(p, known, fresh) end
  for index, name in ipairs(names) do records[index] = known.records[name] end
  return records
end

-- This run has learned the mean service of a pool.
local function note_service(p, pool, service)
  local record = shape(p).records[pool]
  if record then set_service(record, service) end
end

-- Is it worth while to look for work for this pool? One of short tasks is refilled by many at once.
local function wants_work(p, pool)
  local record = record_of(p, shape(p), pool)
  local free = record.slots + record.credit - counted(p .. 'inflight', pool)
  return free > 0 and free >= record.credit / 2
end

local NOBODY = {}

local function gather_pools(p, names, now)
  if #names == 0 then return {}, {} end
  local known, key = shape(p), p .. 'inflight'
  local list = known.lists[names] -- the same names, as union_of gives them again and again
  if not list then
    list = {pools = records_of(p, known, names), index = {}}
    for i, name in ipairs(names) do list.index[name] = i end
    known.lists[names] = list
  end
  local pools, inflight, moved = list.pools, redis.call('HMGET', key, unpack(names)), tallied[key] or NOBODY
  local paused = is_calm(p) and NOBODY or redis.call('HMGET', p .. 'paused', unpack(names))
  local ejected = is_calm(p) and NOBODY or redis.call('HMGET', p .. 'ejected', unpack(names))
  for i = 1, #names do
    local pool, name = pools[i], names[i]
    local free = pool.slots + (pool.credit or record_of(p, known, name).credit) - (tonumber(inflight[i]) or 0) - (moved[name] or 0)
    local standing = ejected[i] and standing_at(parse_standing(ejected[i]), now) or 'in'
    pool.out, pool.probe = standing == 'out', standing == 'probe'
    if pool.probe and free > 1 then free = 1 end
    if free < 0 or paused[i] or pool.slots <= 0 then free = 0 end
    pool.free = free
  end
  return pools, list.index
end

-- Is there a pool with an idle slot (more than credit) among these, other than `but`?
local function has_idle(pools, but)
  for index = 1, #pools do
    local pool = pools[index]
    if pool.free > (pool.credit or 0) and not pool.out and pool.name ~= but then return pool end
  end
end

-- Expected cost per second of size of the pools of a lane, known between runs. -> row for match.lua
local function lane_row(p, known, lane, names)
  local task_type = read_lane(lane)
  local rows = child(known.rows, task_type)
  local row = rows[lane]
  if not row then
    row = {}
    rows[lane], known.factors[lane] = row, row
    local values = #names > 0 and redis.call('HMGET', p .. 'factors:' .. task_type, unpack(names)) or NOBODY
    for index, name in ipairs(names) do row[name] = tonumber(values[index] or nil) end
  end
  return row
end

-- Has this pool a factor for the type?
local function is_capable(p, pool, task_type)
  for _, row in pairs(shape(p).rows[task_type] or NOBODY) do
    if row[pool] then return true end
  end
  return redis.call('HEXISTS', p .. 'factors:' .. task_type, pool) == 1
end

-- This run has learned what a type costs on a pool.
local function note_factor(p, pool, task_type, factor)
  for _, row in pairs(shape(p).rows[task_type] or NOBODY) do
    if row[pool] then row[pool] = factor end
  end
end
