-- Whose reservation outlived its task?
-- KEYS[1] = prefix; ARGV = age in milliseconds a reservation must have, how many to look at.
-- Returns the tasks whose reservations were given back: their task is gone or has ended, so nobody else will do it.
--@include costs/server_time.lua
--@include costs/budget_release.lua
local p, now = KEYS[1], server_time()
local ended = {done = true, failed = true, dead = true, cancelled = true}
local released = {}
for _, task in ipairs(redis.call('ZRANGEBYSCORE', p .. 'reservations', '-inf', budget.int(now - ARGV[1]), 'LIMIT', 0, ARGV[2])) do
  local state = redis.call('HGET', p .. 'task:' .. task, 'state')
  if not state or ended[state] then
    if budget.release(p, {task = task}, now) then released[#released + 1] = task end
  end
end
return released
