--[[ take_in.lua: tasks arrive from another cell.
KEYS: 1 the cell's key prefix   ARGV: what take_out.lua returned, one JSON text a task
Returns: {how many are new here, to publish}. A task that is here, or was and has moved on since (`moves`), is not taken twice:
repeating an arrival is safe. Fair start and budget are this cell's own business; how long it has waited comes with it. ]]
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/submit_one.lua
begin_run()
local p, now, new = KEYS[1], server_seconds(), 0
local LEFT_BEHIND = {'lane', 'bound', 'worker', 'started', 'tag', 'excluded', 'moving_to', 'left', 'probe', 'rate', 'lesson', 'decision'}
local function arrive(task)
  local key, r = p .. 'task:' .. task.id, task.record
  local known = redis.call('HMGET', key, 'state', 'moves')
  if known[1] and (known[1] ~= 'moved' or (tonumber(known[2]) or 0) >= tonumber(r.moves)) then return end
  new = new + 1
  local left, ms = cjson.decode(r.left), math.floor(now * 1000)
  for _, name in ipairs(LEFT_BEHIND) do r[name] = nil end
  r.state, r.lane, r.held = 'held', '', stamp(now - left.waited)
  r.deadline = tonumber(r.deadline) and stamp(now + tonumber(r.deadline) - task.now) or nil
  redis.call('DEL', key)
  for name, value in pairs(r) do redis.call('HSET', key, name, value) end
  if r.deadline then redis.call('ZADD', p .. 'deadlines', r.deadline, task.id) end
  metric_count(p, 1, 'fleet_tasks_moved_total', r.type)
  local estimate = tonumber(r.estimate) or 0
  local verdict = estimate > 0 and budget.reserve(p, {task = task.id, tenant = r.tenant, type = r.type, estimate = estimate,
    tokens = tonumber(r.tokens) or 0, model = r.model or ''}, ms)
  if verdict and verdict.status ~= 'ok' then
    redis.call('ZADD', p .. 'parked', stamp(now), task.id)
  elseif left.due_in and left.due_in > 0 then
    redis.call('ZADD', p .. 'delayed', stamp(now + left.due_in), task.id)
  else
    local wish = read_holdable(p, task.id)
    wish.tag = now - left.waited
    if r.ranking and r.ranking ~= '' then
      bind_again(p, task.id, wish, r.ranking, now)
    end
    hold_task(p, task.id, wish, now)
    redis.call('HSET', key, 'held', r.held)
  end
end
for _, text in ipairs(ARGV) do arrive(cjson.decode(text)) end
fill(p, nil, now, 'moved')
end_run(p)
return {new, outgoing}
