--[[ claim.lua: may this worker run this attempt? The fence in front of every execution.
KEYS: 1 the cell's key prefix   ARGV: 1 task, 2 attempt, 3 worker, 4 the attempt's trace (W3C) or '', 5 the asker's own ticket
Returns: {1, tenant, held since, released at, trace of the attempt before} or {0, why} when the attempt is over, taken, or the worker lost its lease.
Whoever asks again, since the answer was lost, shows its ticket: a second copy of the message at the same worker has another. ]]
--@flags allow-oom
--@include dispatcher/parts/learn_outcome.lua
begin_run()
local p, id, attempt, worker = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local key, now = p .. 'task:' .. id, server_seconds()
local t = redis.call('HMGET', key, 'state', 'attempt', 'worker', 'tenant', 'pool', 'size', 'type', 'held', 'released', 'span', 'ticket')
local function refuse(why)
  metric_count(p, 1, 'fleet_fenced_total', 'claim')
  end_run(p)
  return {0, why}
end
if not t[1] then return refuse('no such task (any more)') end
if t[2] ~= attempt then return refuse('attempt ' .. attempt .. ' is over, ' .. t[2] .. ' is the latest') end
if t[1] == 'running' and t[3] == worker and t[11] == ARGV[5] then return {1, t[4], t[8], t[9], ''} end
if t[1] ~= 'released' then return refuse('the task is ' .. t[1]) end
if not redis.call('ZSCORE', p .. 'workers', worker) then return refuse('this worker is not on the roster (its lease ended)') end
local is_lesson = string.byte(id, -1) % 8 == 0 or not is_versed(p, t[5])
local rate = is_lesson and test_rate(read_known(p, t[5], t[7]), tonumber(t[6]) or 10) or 0
redis.call('HSET', key, 'state', 'running', 'worker', worker, 'ticket', ARGV[5], 'started', stamp(now), 'rate', rate,
  'lesson', is_lesson and 1 or 0)
redis.call('ZREM', p .. 'released', id)
redis.call('SADD', p .. 'running:' .. worker, id)
redis.call('HSET', p .. 'worker:' .. worker, 'claimed', stamp(now))
if ARGV[4] ~= '' then redis.call('HSET', key, 'span', ARGV[4]) end
if rate > 0 then test_pool(p, t[5], rate, 0, now) end
return {1, t[4], t[8], t[9], t[10]}
