-- Redis forgot what was spent: give the running windows back what the durable ledger remembers, once.
-- KEYS[1] = prefix; ARGV = pairs of budget:window:start and micro-dollars. Returns 1 when it did, 0 when Redis had not
-- forgotten: the marker is as lasting as the windows.
--@include costs/server_time.lua
--@include costs/budget_gates.lua
local p = KEYS[1]
if redis.call('HSETNX', p .. 'controls', 'restored', budget.int(server_time())) == 0 then return 0 end
local windows = calendar(server_time())
for index = 1, #ARGV, 2 do
  local key, window = p .. 'budget:' .. ARGV[index], string.match(ARGV[index], '^[^:]+:([^:]+):')
  redis.call('HINCRBY', key, 'spent', ARGV[index + 1])
  redis.call('PEXPIREAT', key, budget.int(windows[window].ends + budget.keep[window]))
end
return 1
