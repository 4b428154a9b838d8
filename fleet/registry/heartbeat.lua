--[[ heartbeat.lua: a worker lives. One round trip; the cost does not grow with the roster.
KEYS: 1 the cell's key prefix   ARGV: 1 worker, 2 load (share of its slots in use), 3 resident memory in bytes
Returns: its status (idle | busy | maintenance), or 'unknown' when it must register again: its lease ended meanwhile. ]]
local p, worker = KEYS[1], ARGV[1]
local key = p .. 'worker:' .. worker
local status = redis.call('HGET', key, 'status')
if not status or status == 'failed' then return 'unknown' end
local time = redis.call('TIME')
redis.call('ZADD', p .. 'workers', string.format('%.6f', time[1] + time[2] / 1e6), worker)
if status ~= 'maintenance' then
  status = redis.call('SCARD', p .. 'running:' .. worker) > 0 and 'busy' or 'idle'
end
redis.call('HSET', key, 'status', status, 'load', ARGV[2], 'memory', ARGV[3])
return status
