-- Give a budget more money for the window that is running (or take a grant back), or one task more than its own cap.
-- KEYS[1] = prefix; ARGV = budget, window (hour | day | month | task), micro-dollars (may be negative), task or ''.
-- Returns the window's grants after this one. The event in `cost_events` wakes paused tasks.
--@include costs/server_time.lua
--@include costs/budget_gates.lua
local p, now = KEYS[1], server_time()
local window = calendar(now)[ARGV[2]]
local key = window and (p .. 'budget:' .. ARGV[1] .. ':' .. ARGV[2] .. ':' .. window.id) or (p .. 'reservation:' .. ARGV[4])
local fresh = redis.call('EXISTS', key) == 0
local granted = redis.call('HINCRBY', key, 'granted', ARGV[3])
redis.call('HDEL', key, 'exhausted')
if fresh then
  redis.call('PEXPIREAT', key, budget.int(window and window.ends + budget.keep[ARGV[2]] or now + 40 * 86400000))
end
redis.call('XADD', p .. 'cost_events', 'MAXLEN', '~', 10000, '*', 'kind', 'grant', 'budget', ARGV[1],
  'window', ARGV[2], 'key', key, 'amount', ARGV[3], 'granted', granted, 'task', ARGV[4])
return tostring(granted)
