--[[ settle.lua: say how a delivery went.

KEYS: 1 the cell's key prefix
ARGV: 1 lane   2 token   3 'done' | 'later' | 'dead'   4 wait in ms (later)   5 error   6 channel   7 most dead letters
Returns 1, or 0 when the lease was lost to another deliverer: then nothing changes. ]]
--@include telemetry/metrics.lua
local prefix, lane, verb = KEYS[1], ARGV[1], ARGV[3]
local outbox, list, leases = prefix .. 'outbox', prefix .. 'outbox:' .. lane, prefix .. 'outbox_leases'
local text = redis.call('HGET', leases, lane)
if not text then return 0 end
local lease = cjson.decode(text)
if lease.token ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
metric_count(prefix, 1, 'fleet_notifications_total', ARGV[6], verb == 'done' and 'ok' or 'failed')
if verb == 'later' then
  lease.token, lease.error = '', ARGV[5]
  redis.call('HSET', leases, lane, cjson.encode(lease))
  redis.call('ZADD', outbox, now + tonumber(ARGV[4]), lane)
  return 1
end
local entry = redis.call('LPOP', list)
redis.call('HDEL', leases, lane)
if verb == 'dead' and entry then
  redis.call('LPUSH', prefix .. 'outbox_dead', cjson.encode({entry = entry, error = ARGV[5], at = now, attempts = lease.attempts}))
  redis.call('LTRIM', prefix .. 'outbox_dead', 0, tonumber(ARGV[7]) - 1)
end
if redis.call('EXISTS', list) == 1 then
  redis.call('ZADD', outbox, now, lane)
else
  redis.call('ZREM', outbox, lane)
end
return 1
