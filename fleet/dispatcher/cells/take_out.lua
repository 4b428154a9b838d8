--[[ take_out.lua: held tasks leave this cell for others.
KEYS: 1 the cell's key prefix   ARGV: pairs of task and cell it goes to
Returns: a JSON text for each task that leaves: its record and what only this cell knew (see `left` below). It waits here
as `moving` until the other cell has it. What is not held any more, or waited for by a chord, whose count is here, stays. ]]
--@include costs/budget_release.lua
--@include dispatcher/parts/hold.lua
begin_run()
local p, now, gone = KEYS[1], server_seconds(), {}
local function take(id, cell)
  local key = p .. 'task:' .. id
  local t = redis.call('HMGET', key, 'state', 'lane', 'waited_for', 'held', 'moving_to')
  if t[1] == 'held' then
    if t[3] and t[3] ~= '' then return nil end
    if t[2] and t[2] ~= '' then unhold_task(p, id, t[2]) end
    local due, is_parked = tonumber(redis.call('ZSCORE', p .. 'delayed', id) or ''), redis.call('ZREM', p .. 'parked', id)
    redis.call('ZREM', p .. 'delayed', id)
    redis.call('ZREM', p .. 'deadlines', id)
    budget.release(p, {task = id}, math.floor(now * 1000))
    redis.call('HINCRBY', key, 'moves', 1)
    redis.call('HSET', key, 'state', 'moving', 'moving_to', cell, 'left', cjson.encode({
      due_in = due and due - now, is_parked = is_parked == 1, waited = now - (tonumber(t[4]) or now)}))
    redis.call('ZADD', p .. 'moving', stamp(now), id)
  elseif t[1] ~= 'moving' or t[5] ~= cell then
    return nil -- it has begun to run, or is on its way elsewhere
  end
  local flat, record = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end
  return cjson.encode({id = id, to = cell, now = now, record = record})
end
for i = 1, #ARGV, 2 do gone[#gone + 1] = take(ARGV[i], ARGV[i + 1]) or nil end
end_run(p)
return gone
