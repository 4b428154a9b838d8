--[[ heartbeat.lua: a worker lives. One round trip; the cost does not grow with the roster.
KEYS: 1 the cell's key prefix   ARGV: 1 worker, 2 resident memory in bytes, 3 seconds it has been deaf, 4 and 5 how much of its
machine's CPU and memory is in use, 0 to 1 (older builds do not say)
Returns: {status, tasks it runs}; status is idle | busy | maintenance, or 'unknown' when it must register again: its lease
ended meanwhile. ]]
--@flags allow-oom
local p, worker = KEYS[1], ARGV[1]
local key = p .. 'worker:' .. worker
local known = redis.call('HMGET', key, 'status', 'slots')
local status = known[1]
if not status or status == 'failed' then return {'unknown', 0} end
local time = redis.call('TIME')
redis.call('ZADD', p .. 'workers', string.format('%.6f', time[1] + time[2] / 1e6), worker)
local running = redis.call('SCARD', p .. 'running:' .. worker)
if status ~= 'maintenance' then status = running > 0 and 'busy' or 'idle' end
local load = running / math.max(tonumber(known[2]) or 1, 1)
redis.call('HSET', key, 'status', status, 'load', string.format('%.3f', load), 'memory', ARGV[2], 'deaf', ARGV[3],
  'host_cpu', ARGV[4] or '', 'host_memory', ARGV[5] or '')
return {status, running}
