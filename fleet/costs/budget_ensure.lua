-- May this paid call be made? Asked BEFORE every call, so that a task that costs more than expected cannot overspend.
-- INCLUDE: budget.ensure(p, request, now) -> verdict (as budget.reserve, plus `available`: what a smaller call may cost)
--   request = {task, call, amount, tenant, type, entry}; amount = the most this call can cost, 0 = a free model: always ok.
--   tokens? = what was taken of the provider's quota. entry = JSON of the ledger entry as far as it is known: it is
--   written as an estimate if the call is never settled.
-- On ok the amount is committed to this call inside the task's reservation, which grows (atomically, over the whole
-- hierarchy) when it is too small, and moves to the current windows when one ended. Idempotent by call.
-- On any other status the task's uncommitted rest is given back: two tasks that both wait can never starve each other.
--@include costs/budget_reserve.lua
function budget.ensure(p, request, now)
  if request.amount <= 0 then return {status = 'ok', amount = 0} end
  local record = p .. 'reservation:' .. request.task
  local call = 'call:' .. request.call
  if redis.call('HEXISTS', record, call) == 1 then return {status = 'ok', amount = request.amount} end
  local held = redis.call('HMGET', record, 'reserved', 'committed', 'keys')
  local reserved, committed = tonumber(held[1]) or 0, tonumber(held[2]) or 0
  local need = committed + request.amount
  local gates = budget.gates(p, request.tenant, request.type, request.task, now)
  local keys = budget.keys_text(gates)
  if need > reserved or keys ~= held[3] then
    local own = {[record] = reserved}
    for key in string.gmatch(held[3] or '', '[^\n]+') do own[key] = reserved end
    local fits, stop, is_spent = budget.tightest(gates, need, need, own)
    if stop then
      budget.unbook(held[3], reserved - committed)
      if held[1] then redis.call('HSET', record, 'reserved', budget.int(committed)) end
      local verdict = budget.verdict(p, stop, is_spent, request.amount, now)
      verdict.available = math.max(fits - committed, 0)
      verdict.downgrade = budget.downgrading(gates)
      return verdict
    end
    -- What the task had beyond this call stays reserved as far as the new windows allow.
    local keep = math.max(need, (budget.tightest(gates, math.max(reserved, need), need, own)))
    budget.unbook(held[3], reserved)
    budget.book(gates, 0, keep)
    redis.call('HSETNX', record, 'spent', 0)
    redis.call('HSETNX', record, 'since', budget.int(now))
    redis.call('ZADD', p .. 'reservations', 'NX', budget.int(now), request.task)
    redis.call('HSET', record, 'reserved', budget.int(keep), 'keys', keys, 'tenant', request.tenant, 'type', request.type)
  end
  redis.call('HINCRBY', record, 'committed', budget.int(request.amount))
  redis.call('HSET', record, call, string.format('%.0f %.0f %.0f %s', request.amount, now, request.tokens or 0, request.entry))
  return {status = 'ok', amount = request.amount, downgrade = budget.downgrading(gates)}
end
