-- How do these pools stand right now? gather_pools(p, names, now) -> pools for match.lua, index by name.
-- free = what may still be released: slots, and for pools of very short tasks more, to hide the hand-off: credit.
-- As many per slot as run within the threshold, at most eight: they wait no longer than that in the pool's queue.
--@include dispatcher/parts/knobs.lua
--@include dispatcher/parts/standing.lua
local function hand_off_credit(slots, service, threshold)
  if service >= threshold then return 0 end
  local each = math.min(8, math.floor(threshold / math.max(service, 0.0001)))
  return math.min(slots * each, math.max(slots, 16)) -- in all no more than one script releases in a millisecond
end

-- Is it worth while to look for work for this pool? One of short tasks is refilled by many at once.
local function wants_work(p, pool)
  local slots = tonumber(redis.call('HGET', p .. 'slots', pool)) or 0
  local inflight = counted(p .. 'inflight', pool)
  local credit = hand_off_credit(slots, tonumber(redis.call('HGET', p .. 'service', pool)) or 10, knob(p, 'hand_off'))
  local free = slots + credit - inflight
  return free > 0 and free >= credit / 2
end

local NOBODY = {}

local function gather_pools(p, names, now)
  local pools, index = {}, {}
  if #names == 0 then return pools, index end
  local slots, service = redis.call('HMGET', p .. 'slots', unpack(names)), redis.call('HMGET', p .. 'service', unpack(names))
  local inflight, moved = redis.call('HMGET', p .. 'inflight', unpack(names)), tallied[p .. 'inflight'] or NOBODY
  local paused = is_calm(p) and NOBODY or redis.call('HMGET', p .. 'paused', unpack(names))
  local ejected = is_calm(p) and NOBODY or redis.call('HMGET', p .. 'ejected', unpack(names))
  local hand_off = knob(p, 'hand_off')
  for i, name in ipairs(names) do
    local have, mean = tonumber(slots[i]) or 0, tonumber(service[i]) or 10
    local free = have - (tonumber(inflight[i]) or 0) - (moved[name] or 0) + hand_off_credit(have, mean, hand_off)
    local standing = ejected[i] and standing_at(parse_standing(ejected[i]), now) or 'in'
    if standing == 'probe' then free = math.min(free, 1) end
    if paused[i] or have <= 0 then free = 0 end
    pools[i] = {name = name, slots = have, free = math.max(free, 0), service = mean, out = standing == 'out',
      probe = standing == 'probe'}
    index[name] = i
  end
  return pools, index
end

-- Expected cost per second of size of these pools. -> row for match.lua
local function factors_of(p, task_type, names)
  local row = {}
  if #names == 0 then return row end
  local values = redis.call('HMGET', p .. 'factors:' .. task_type, unpack(names))
  for index, name in ipairs(names) do row[name] = tonumber(values[index] or nil) end
  return row
end
