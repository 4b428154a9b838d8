--[[ register.lua: a worker is ready, for the pools it serves.
KEYS: 1 the cell's key prefix   ARGV: 1 worker, 2 pool, 3 slots, 4 record as JSON of further fields
Returns: 1. Its slots count from now on; a second registration of the same worker replaces the first. ]]
--@flags allow-oom
--@include registry/parts/serving.lua
local p, worker, pool, slots = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = string.format('%.6f', time[1] + time[2] / 1e6)
local key, record = p .. 'worker:' .. worker, cjson.decode(ARGV[4])
local old = redis.call('HMGET', key, 'pool', 'slots', 'status', 'contracts')
if old[1] and (old[3] == 'idle' or old[3] == 'busy') then count_serving(p, old[1], tonumber(old[2]), old[4], -1) end
redis.call('HSET', key, 'pool', pool, 'slots', slots, 'status', 'idle', 'registered', now, 'claimed', now, 'contracts', '')
for name, value in pairs(record) do redis.call('HSET', key, name, value) end
redis.call('ZADD', p .. 'workers', now, worker)
count_serving(p, pool, slots, record.contracts, 1)
return 1
