--[[ metrics.lua: count and observe inside the script that makes the fact true, so that a number is never counted twice.

Include with `--@include telemetry/metrics.lua`. `prefix` is the cell's key prefix; everything goes to the hash `prefix .. 'metrics'`.

  metric_count(prefix, n, name, label values ...)                  adds n to a counter
  metric_observe(prefix, value, trace_id, name, label values ...)  puts a value into a histogram; trace_id '' = no exemplar

Label values stand in the order of the metrics table. Fields: `name|v1|v2` (counter), and for a histogram
`name|v1|<bucket number>` (not cumulative; the last bucket is +Inf), `name|v1|sum`, `name|v1|x<bucket>` (exemplar: "trace value time").
A new series beyond SERIES_LIMIT is dropped and counted as fleet_metrics_dropped_total. ]]
local SERIES_LIMIT = 50000

-- generated from metrics.py by `python -m fleet.telemetry.generate`: do not edit
local BUCKETS = {}
do
  local bounds = {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600}
  BUCKETS['ai_task_duration_seconds'] = bounds
  BUCKETS['ai_agent_response_time_seconds'] = bounds
  BUCKETS['fleet_task_wait_seconds'] = bounds
  BUCKETS['fleet_llm_call_seconds'] = bounds
  BUCKETS['fleet_gateway_request_seconds'] = bounds
end
-- end of generated

local function metric_field(name, ...)
  local parts = {name}
  for i = 1, select('#', ...) do
    local value = tostring((select(i, ...)) or '')
    if value == '' then value = 'unknown' end
    parts[i + 1] = string.gsub(value, '|', '_')
  end
  return table.concat(parts, '|')
end

local function metric_fits(key, field, is_new)
  if is_new and redis.call('HLEN', key) > SERIES_LIMIT then
    redis.call('HDEL', key, field)
    redis.call('HINCRBY', key, 'fleet_metrics_dropped_total', 1)
    return false
  end
  return true
end

local function metric_count(prefix, n, name, ...)
  if not n or n ~= n or n <= 0 then return end
  local key, field = prefix .. 'metrics', metric_field(name, ...)
  local now = redis.call('HINCRBYFLOAT', key, field, n)
  metric_fits(key, field, tonumber(now) == n)
end

local function metric_observe(prefix, value, trace_id, name, ...)
  if not value or value ~= value then return end
  if value < 0 then value = 0 end
  local bounds = BUCKETS[name]
  if not bounds then return end -- an undeclared name must not fail the task's script; a test reads every call in the sources
  local bucket = #bounds + 1
  for i = 1, #bounds do
    if value <= bounds[i] then bucket = i break end
  end
  local key, series = prefix .. 'metrics', metric_field(name, ...)
  local field = series .. '|' .. bucket
  if not metric_fits(key, field, redis.call('HINCRBY', key, field, 1) == 1) then return end
  redis.call('HINCRBYFLOAT', key, series .. '|sum', value)
  if trace_id and trace_id ~= '' then
    redis.call('HSET', key, series .. '|x' .. bucket, trace_id .. ' ' .. value .. ' ' .. redis.call('TIME')[1])
  end
end
