--[[ record.lua: writes counted from Python (gateway requests, deliveries, job runs), many in one round trip.
KEYS: 1 the cell's key prefix   ARGV: 1 JSON list of {"count"|"observe", number, trace_id, name, label values ...}
or {"many", {how many in each bucket ..., sum}, "", name, label values ...}: times that were sorted already   Returns: number of writes ]]
--@include telemetry/metrics.lua

-- Add to each bucket of a histogram, and to its sum, which stands last.
local function observe_many(prefix, counts, name, ...)
  local bounds = BUCKETS[name]
  if not bounds or #counts ~= #bounds + 2 then return end
  local key, series = prefix .. 'metrics', metric_field(name, ...)
  for bucket = 1, #bounds + 1 do
    local n, field = counts[bucket], series .. '|' .. bucket
    if n > 0 and not metric_fits(key, field, redis.call('HINCRBY', key, field, n) == n) then return end
  end
  redis.call('HINCRBYFLOAT', key, series .. '|sum', counts[#counts])
end

local writes = cjson.decode(ARGV[1])
for _, write in ipairs(writes) do
  local verb, number, trace_id, name = write[1], write[2], write[3], write[4]
  if verb == 'count' then
    metric_count(KEYS[1], number, name, unpack(write, 5))
  elseif verb == 'many' then
    observe_many(KEYS[1], number, name, unpack(write, 5))
  else
    metric_observe(KEYS[1], number, trace_id, name, unpack(write, 5))
  end
end
return #writes
