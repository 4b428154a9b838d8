-- A call that was allowed was never made (or the provider billed nothing): its money returns to the task's reservation.
-- KEYS[1] = prefix; ARGV = task, call. Returns the micro-dollars that are free again.
local record, call = KEYS[1] .. 'reservation:' .. ARGV[1], 'call:' .. ARGV[2]
local held = redis.call('HGET', record, call)
if not held then return '0' end
local micros = string.match(held, '^%d+')
redis.call('HDEL', record, call)
redis.call('HINCRBY', record, 'committed', '-' .. micros)
return micros
