-- What holds for one run of a script? begin_run() at its start, end_run() before it answers.
-- Nothing else moves while a script runs, so what it has read stays true (`memo`), and what only counts is written once at
-- the end, however many tasks it was counted for. Functions may stay in the server between runs: state begins anew.
--@include telemetry/metrics.lua
local IS_SUM = {waited = true, seconds = true, squares = true} -- of seconds, kept with a fraction
local memo, outgoing, tallied = {}, {}, {}

local function begin_run() memo, outgoing, tallied = {}, {}, {} end

-- The value of a read that is asked for again and again: remembered(name, read).
local function remembered(name, read)
  local value = memo[name]
  if value == nil then
    value = read()
    memo[name] = value
  end
  return value
end

-- Add to a field of a hash that this run does not read.
local function tally(key, field, n)
  local fields = tallied[key]
  if not fields then
    fields = {}
    tallied[key] = fields
  end
  fields[field] = (fields[field] or 0) + n
end

local function metric_count(p, n, name, ...)
  if n and n == n and n > 0 then tally(p .. 'metrics', metric_field(name, ...), n) end
end

local function metric_observe(p, value, trace_id, name, ...)
  if not value or value ~= value then return end
  if value < 0 then value = 0 end
  local bounds, bucket = BUCKETS[name], nil
  if not bounds then return end
  bucket = #bounds + 1
  for i = 1, #bounds do
    if value <= bounds[i] then bucket = i break end
  end
  local key, series = p .. 'metrics', metric_field(name, ...)
  tally(key, series .. '|' .. bucket, 1)
  tally(key, series .. '|sum', value)
  if trace_id and trace_id ~= '' then
    redis.call('HSET', key, series .. '|x' .. bucket, trace_id .. ' ' .. value .. ' ' .. redis.call('TIME')[1])
  end
end

local function end_run(p)
  local metrics = p .. 'metrics'
  for key, fields in pairs(tallied) do
    for field, n in pairs(fields) do
      if n ~= 0 then
        local now
        if n % 1 == 0 and string.sub(field, -4) ~= '|sum' and not IS_SUM[field] then
          now = redis.call('HINCRBY', key, field, n)
        else
          now = redis.call('HINCRBYFLOAT', key, field, string.format('%.6f', n))
        end
        if key == metrics then metric_fits(key, field, tonumber(now) == n) end
      end
    end
  end
  tallied = {}
end
