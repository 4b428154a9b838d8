--[[ record.lua: writes counted from Python (gateway requests, deliveries, job runs), many in one round trip.
KEYS: 1 the cell's key prefix   ARGV: 1 JSON list of {"count"|"observe", number, trace_id, name, label values ...}   Returns: number of writes ]]
--@include telemetry/metrics.lua
local writes = cjson.decode(ARGV[1])
for _, write in ipairs(writes) do
  local verb, number, trace_id, name = write[1], write[2], write[3], write[4]
  if verb == 'count' then
    metric_count(KEYS[1], number, name, unpack(write, 5))
  else
    metric_observe(KEYS[1], number, trace_id, name, unpack(write, 5))
  end
end
return #writes
