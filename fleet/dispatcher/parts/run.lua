-- What holds for one run of a script? begin_run() at its start, end_run() before it answers.
-- Nothing else moves while a script runs, so what it has read stays true (`memo`); what only counts, or is only put into or
-- taken out of a list or sorted set, is written once at the end, however many tasks it was for. Functions may stay in the
-- server between runs: state begins anew.
--@include dispatcher/parts/time.lua
--@include telemetry/metrics.lua
local IS_SUM = {waited = true, seconds = true, squares = true} -- of seconds, kept with a fraction
local PENDING_AT_MOST = 2000 -- arguments of one command
local memo, outgoing, tallied, pending, finishers = {}, {}, {}, {}, {}

local function begin_run() memo, outgoing, tallied, pending, second = {}, {}, {}, {}, nil end

-- The table that a table has under this name, made where there is none.
local function child(node, label)
  local below = node[label]
  if not below then
    below = {}
    node[label] = below
  end
  return below
end

-- The value of a read that is asked for again and again: remembered(name, read, argument ...).
local function remembered(name, read, ...)
  local value = memo[name]
  if value == nil then
    value = read(...)
    memo[name] = value
  end
  return value
end

-- Is nothing out of the ordinary in force: no emergency or rollout, no pool or lane paused, no pool that failed, no tenant
-- with a weight, nothing drained? One look that spares most runs six.
local OUT_OF_THE_ORDINARY = {'emergency', 'rollouts', 'paused', 'ejected', 'weights', 'drained'}
local troubles = {} -- prefix -> those keys

local function count_troubles(p)
  local keys = troubles[p]
  if not keys then
    keys = {}
    for index, name in ipairs(OUT_OF_THE_ORDINARY) do keys[index] = p .. name end
    troubles[p] = keys
  end
  return redis.call('EXISTS', unpack(keys))
end

local function is_calm(p)
  local count = memo.is_calm
  if not count then
    count = count_troubles(p)
    memo.is_calm = count
  end
  return count == 0
end

-- Add to a field of a hash that this run reads with counted() only.
local function tally(key, field, n)
  local fields = tallied[key]
  if not fields then
    fields = {}
    tallied[key] = fields
  end
  fields[field] = (fields[field] or 0) + n
end

-- The number in a field of a hash, with what this run has added to it so far.
local function counted(key, field)
  local known, fields = child(memo, key), tallied[key]
  local stored = known[field]
  if not stored then
    stored = tonumber(redis.call('HGET', key, field)) or 0
    known[field] = stored
  end
  return fields and fields[field] and stored + fields[field] or stored
end

-- Send what was put off for this key; needed before the key is read.
local function send_pending(key)
  local batch = pending[key]
  if not batch then return end
  pending[key] = nil
  for from = 1, #batch, PENDING_AT_MOST do
    redis.call(batch.command, key, unpack(batch, from, math.min(from + PENDING_AT_MOST - 1, #batch)))
  end
end

-- Put off LPUSH, ZREM (one value) or ZADD (score, member): many go in one command.
local function put_off(command, key, value, member)
  local batch = pending[key]
  if not batch or batch.command ~= command then
    if batch then send_pending(key) end
    batch = {command = command}
    pending[key] = batch
  end
  batch[#batch + 1] = value
  if member then batch[#batch + 1] = member end
end

-- The series of a metric with these labels (three at most): how its fields are called. The catalogue bounds how many there
-- are, so they stay between runs.
local series_known = {}

local function series_of(name, a, b, c)
  local node = child(series_known, name)
  if a ~= nil then node = child(node, a) end
  if b ~= nil then node = child(node, b) end
  if c ~= nil then node = child(node, c) end
  if not node[0] then
    local text = metric_field(name, unpack({a, b, c}))
    node[0] = {text = text, sum = text .. '|sum'}
  end
  return node[0]
end

local function metric_count(p, n, name, a, b, c)
  if n and n == n and n > 0 then tally(p .. 'metrics', series_of(name, a, b, c).text, n) end
end

local function metric_observe(p, value, trace_id, name, a, b, c)
  if not value or value ~= value then return end
  if value < 0 then value = 0 end
  local bounds, bucket = BUCKETS[name], nil
  if not bounds then return end
  bucket = #bounds + 1
  for i = 1, #bounds do
    if value <= bounds[i] then bucket = i break end
  end
  local key, series = p .. 'metrics', series_of(name, a, b, c)
  if not series[bucket] then series[bucket] = series.text .. '|' .. bucket end
  tally(key, series[bucket], 1)
  tally(key, series.sum, value)
  if trace_id and trace_id ~= '' then
    redis.call('HSET', key, series.text .. '|x' .. bucket, trace_id .. ' ' .. value .. ' ' .. redis.call('TIME')[1])
  end
end

local function is_whole(field, n)
  if IS_SUM[field] == nil then IS_SUM[field] = string.sub(field, -4) == '|sum' end
  return not IS_SUM[field] and n % 1 == 0
end

local names, texts = {}, {} -- of one hash; kept, for growing them anew takes longer than filling them

-- One read and one write for all fields of a hash that were counted.
local function save_tally(key, fields, is_metrics)
  local count = 0
  for field, n in pairs(fields) do
    if n ~= 0 then count, names[count + 1] = count + 1, field end
  end
  if count == 0 then return end
  local only = names[1]
  if count == 1 and is_whole(only, fields[only]) then
    if redis.call('HINCRBY', key, only, fields[only]) == fields[only] and is_metrics then metric_fits(key, only, true) end
    return
  end
  local before = redis.call('HMGET', key, unpack(names, 1, count))
  for index = 1, count do
    local field = names[index]
    local after = (tonumber(before[index]) or 0) + fields[field]
    texts[2 * index - 1] = field
    texts[2 * index] = after
  end
  redis.call('HSET', key, unpack(texts, 1, 2 * count))
  for index = 1, is_metrics and count or 0 do
    if not before[index] then metric_fits(key, names[index], true) end
  end
end

local function end_run(p)
  for _, finisher in ipairs(finishers) do finisher(p) end
  local metrics = p .. 'metrics'
  for key, fields in pairs(tallied) do save_tally(key, fields, key == metrics) end
  for key in pairs(pending) do send_pending(key) end
  tallied, pending = {}, {}
end
