--[[ drain.lua: a worker takes no new tasks (status maintenance), or takes them again.
KEYS: 1 the cell's key prefix   ARGV: 1 worker, 2 '1' drain | '0' undrain | 'leave' it stops for good
Returns: the status it has now, or 'unknown'. Its slots leave the pool at once; what it runs, it finishes. ]]
--@flags allow-oom
--@include registry/parts/serving.lua
local p, worker, wish = KEYS[1], ARGV[1], ARGV[2]
local key = p .. 'worker:' .. worker
local t = redis.call('HMGET', key, 'pool', 'slots', 'status', 'contracts')
if not t[1] then return 'unknown' end
local serves = t[3] == 'idle' or t[3] == 'busy'
if wish == '0' then
  if t[3] == 'maintenance' then
    count_serving(p, t[1], tonumber(t[2]), t[4], 1)
    redis.call('HSET', key, 'status', 'idle')
    return 'idle'
  end
  return t[3]
end
if serves then count_serving(p, t[1], tonumber(t[2]), t[4], -1) end
if wish == 'leave' then
  redis.call('ZREM', p .. 'workers', worker)
  redis.call('DEL', key, p .. 'running:' .. worker)
  return 'gone'
end
redis.call('HSET', key, 'status', 'maintenance')
return 'maintenance'
