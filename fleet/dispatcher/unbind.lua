--[[ unbind.lua: a pool that takes no more tasks gives back those that wait for it.
KEYS: 1 the cell's key prefix   ARGV: 1 pool
Returns: {how many, to publish ...}. They keep their age and may go to any pool that can run them. ]]
--@include dispatcher/parts/fill.lua
--@include dispatcher/parts/retry.lua
begin_run()
local p, pool, now, moved = KEYS[1], ARGV[1], server_seconds(), 0
for _, id in ipairs(redis.call('ZRANGE', p .. 'held:@' .. pool, 0, 499)) do
  if unhold_task(p, id, '@' .. pool) and redis.call('EXISTS', p .. 'task:' .. id) == 1 then
    redis.call('HSET', p .. 'task:' .. id, 'bound', '')
    hold_task(p, id, read_holdable(p, id), now)
    moved = moved + 1
  end
end
if moved > 0 then fill(p, nil, now, 'unbind') end
end_run(p)
return {moved, outgoing}
