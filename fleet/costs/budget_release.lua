-- The task ended (or must wait, or lost its worker): what of its reservation goes back?
-- INCLUDE: budget.release(p, request, now) -> micro-dollars given back; idempotent by task
--   request = {task, keep, ok}. keep = true: the task is only parked; its spend still counts against its own cap.
--   Call it in the script that ends the task. Calls that were allowed but never settled (the worker died in between) are
--   written as estimates at the most they could cost: the cap stays safe, and a later exact amount corrects them.
--          budget.abandon(p, task, now): only that last part, for an attempt that died while the task goes on.
--@include costs/budget_settle.lua
--@include costs/limits.lua
function budget.abandon(p, task, now)
  local flat = redis.call('HGETALL', p .. 'reservation:' .. task)
  for index = 1, #flat, 2 do
    if string.sub(flat[index], 1, 5) == 'call:' then
      local micros, text = string.match(flat[index + 1], '^(%d+) %d+ %d+ (.*)$')
      local entry = cjson.decode(text)
      entry.call, entry.task, entry.micros, entry.estimated = string.sub(flat[index], 6), task, tonumber(micros), true
      budget.settle(p, entry, now)
    end
  end
end

function budget.release(p, request, now)
  local record = p .. 'reservation:' .. request.task
  if redis.call('HEXISTS', record, 'reserved') == 0 then return 0 end
  budget.abandon(p, request.task, now)
  local held = redis.call('HMGET', record, 'reserved', 'keys', 'spent', 'type', 'tenant', 'model', 'tokens', 'used',
    'estimate', 'since')
  local reserved, spent = tonumber(held[1]), tonumber(held[3]) or 0
  budget.unbook(held[2], reserved)
  redis.call('ZREM', p .. 'reservations', request.task)
  if request.keep then
    redis.call('HDEL', record, 'reserved', 'committed', 'keys')
    redis.call('PEXPIRE', record, 40 * 86400000)
  else
    budget.learn(p, held[4], spent)
    limits.correct(p, {tenant = held[5], type = held[4], model = held[6] ~= '' and held[6] or nil,
      since = tonumber(held[10])}, (tonumber(held[8]) or 0) - (tonumber(held[7]) or 0),
      spent - (tonumber(held[9]) or 0), now)
    redis.call('DEL', record)
  end
  return reserved
end
