--[[ fire.lua: a scheduled job is due; of all beats that see it, one sends it.
KEYS: 1 the cell's key prefix   ARGV: 1 job, 2 when it fired last as the caller knows it, 3 now, 4 queue, 5 message ('': the
caller sends it)
Returns: {fired 1|0, when it fired last}. Claim and message are one step: whoever dies has sent it, or leaves it to the next. ]]
local schedule, job = KEYS[1] .. 'schedule', ARGV[1]
local last = redis.call('HGET', schedule, job)
if last ~= ARGV[2] then return {0, last or ARGV[3]} end
redis.call('HSET', schedule, job, ARGV[3])
if ARGV[5] ~= '' then redis.call('LPUSH', ARGV[4], ARGV[5]) end
return {1, ARGV[3]}
