-- May this task start, as far as money goes?
-- INCLUDE: budget.reserve(p, request, now) -> verdict
--   request = {task, tenant, type, estimate, tokens?, model?}; estimate in micro-dollars, 0 = planned on a free model:
--             never blocked. tokens, estimate and model are remembered, so that the rate limits (limits.take with the same
--             values) can be corrected at the end.
--   verdict = {status, amount, budget, window, limit, spent, reserved, retry_after_ms, downgrade}
--     ok      reserved `amount` in every budget of the task (idempotent by task)
--     wait    the money is there but reserved by running tasks: hold the task, ask again when one ends (or in 1 s)
--     refuse | defer | pause   the budget's policy: the money is spent. defer: until retry_after_ms; pause: until a
--             grant (event in `cost_events`) or retry_after_ms, whichever is first; retry_after_ms -1 = never by itself
--     downgrade (any status) names the budget whose policy asks for the cheaper model from here on
-- Atomic over the whole hierarchy: either every budget holds the amount or none does.
--@include costs/budget_estimate.lua

-- The gate that stops `amount` (nil: none does), and what fits. `own` = what the task itself holds, by gate key.
function budget.tightest(gates, amount, least, own)
  local fits, stop, stop_is_spent = amount, nil, false
  for _, gate in ipairs(gates) do
    local mine = own and own[gate.key] or 0
    local room = gate.limit - gate.spent - gate.reserved + mine
    if room < amount then
      local is_spent = gate.limit - gate.spent < least or not gate.ends
      if not stop or (is_spent and not stop_is_spent) or (is_spent == stop_is_spent and room < fits) then
        stop, stop_is_spent = gate, is_spent
      end
      fits = math.min(fits, math.max(room, 0))
    end
  end
  return fits, stop, stop_is_spent
end

function budget.verdict(p, gate, is_spent, amount, now)
  local status, retry = 'wait', 1000
  if is_spent then
    status = gate.policy == 'downgrade' and 'refuse' or gate.policy
    retry = gate.ends and gate.ends - now or -1
    if gate.ends and redis.call('HSETNX', gate.key, 'exhausted', budget.int(now)) == 1 then
      budget.event(p, 'exhausted', gate, gate.spent, 100)
    end
  end
  return {status = status, amount = amount, budget = gate.name, window = gate.window, limit = gate.limit,
    spent = gate.spent, reserved = gate.reserved, retry_after_ms = retry}
end

function budget.event(p, kind, gate, spent, threshold)
  redis.call('XADD', p .. 'cost_events', 'MAXLEN', '~', 10000, '*', 'kind', kind, 'budget', gate.name,
    'window', gate.window, 'key', gate.key, 'threshold', threshold, 'spent', budget.int(spent),
    'limit', budget.int(gate.limit), 'policy', gate.policy)
end

function budget.downgrading(gates)
  for _, gate in ipairs(gates) do
    if gate.policy == 'downgrade' and (gate.spent + gate.reserved) * 100 >= gate.limit * gate.downgrade_at then
      return gate.name
    end
  end
end

function budget.reserve(p, request, now)
  local record = p .. 'reservation:' .. request.task
  local held = redis.call('HGET', record, 'reserved')
  if held then return {status = 'ok', amount = tonumber(held)} end
  local amount, least = budget.expected(p, request.type, request.estimate)
  local gates = budget.gates(p, request.tenant, request.type, request.task, now)
  local fits, stop, is_spent = 0, nil, false
  if amount > 0 then fits, stop, is_spent = budget.tightest(gates, amount, least) end
  -- The last task of a budget gets what is left: its calls are still checked one by one.
  local last = stop and fits >= least and fits > 0 and (not stop.ends or stop.reserved <= 0)
  local verdict
  if stop and not last then
    verdict = budget.verdict(p, stop, is_spent, amount, now)
  else
    redis.call('HSETNX', record, 'spent', 0)
    redis.call('HSET', record, 'reserved', budget.int(fits), 'committed', 0, 'tenant', request.tenant,
      'type', request.type, 'keys', budget.keys_text(gates), 'tokens', request.tokens or 0, 'used', 0,
      'estimate', budget.int(request.estimate), 'model', request.model or '', 'since', budget.int(now))
    redis.call('PERSIST', record)
    redis.call('ZADD', p .. 'reservations', budget.int(now), request.task)
    budget.book(gates, 0, fits)
    verdict = {status = 'ok', amount = fits}
  end
  verdict.downgrade = budget.downgrading(gates)
  return verdict
end
