-- What did this call really cost?
-- INCLUDE: budget.settle(p, entry, now) -> {status, micros, delta}
--   entry = {call, task, attempt, tenant, type, agent, model, provider, kind, input, output, cached, reasoning, micros,
--            estimated, origin, ok?}; status recorded | corrected | duplicate; delta = what was added to the spend.
-- Spend, reservation, thresholds and the ledger entry change in one step, once per call id (remembered for two days here
-- and for ever in the durable ledger). An estimate is replaced by the exact amount when that comes later.
--          budget.pool_time(p, {task, attempt, tenant, type, agent, pool, usd, ok}, now): the task ended; what its slots'
--            time cost (kind `replica`) goes to the ledger, but to no budget: it was never reserved. Call it once per task;
--            less than a micro-dollar is not written.
--@include costs/budget_reserve.lua
--@include telemetry/metrics.lua
budget.entry_fields = {'call', 'task', 'attempt', 'tenant', 'type', 'agent', 'model', 'provider', 'kind', 'input', 'output',
  'cached', 'reasoning', 'micros', 'estimated', 'origin', 'ok'}

function budget.seen(p, call, now)
  local today = calendar(now).day.id
  for _, day in ipairs({today, calendar(now - 86400000).day.id}) do
    local key = p .. 'calls:' .. day
    local value = redis.call('HGET', key, call)
    if value then
      local micros, mark, keys = string.match(value, '^(%d+)(~?)(.*)$')
      return key, tonumber(micros), mark == '~', keys
    end
  end
  return p .. 'calls:' .. today
end

function budget.write(p, entry, delta, now)
  local row = {'at', budget.int(now), 'delta', budget.int(delta)}
  for _, field in ipairs(budget.entry_fields) do
    local value = entry[field]
    if type(value) == 'number' then value = budget.int(value) end
    if type(value) == 'boolean' then value = value and '1' or '0' end
    if type(value) ~= 'string' then value = '' end
    row[#row + 1], row[#row + 2] = field, value
  end
  redis.call('XADD', p .. 'ledger', '*', unpack(row))
end

function budget.alarms(p, keys, gates)
  for _, gate in ipairs(gates) do
    if gate.ends and string.find('\n' .. keys .. '\n', '\n' .. gate.key .. '\n', 1, true) then
      local spent = tonumber(redis.call('HGET', gate.key, 'spent')) or 0
      for _, threshold in ipairs({50, 80, 90, 100}) do
        if threshold > gate.fired and spent > 0 and spent * 100 >= threshold * gate.limit then
          redis.call('HSET', gate.key, 'fired', threshold)
          budget.event(p, 'threshold', gate, spent, threshold)
        end
      end
      if spent > gate.limit and redis.call('HSETNX', gate.key, 'overrun', budget.int(spent - gate.limit)) == 1 then
        budget.event(p, 'overrun', gate, spent, 100)
      end
    end
  end
end

function budget.settle(p, entry, now)
  local seen_key, prior, was_estimate, prior_keys = budget.seen(p, entry.call, now)
  if prior and not (was_estimate and not entry.estimated) then
    return {status = 'duplicate', micros = prior, delta = 0}
  end
  local delta = entry.micros - (prior or 0)
  local keys = prior_keys or ''
  do
    local record = p .. 'reservation:' .. entry.task
    local gates = budget.gates(p, entry.tenant, entry.type, entry.task, now)
    local held = redis.call('HMGET', record, 'reserved', 'committed', 'keys', 'call:' .. entry.call, 'spent')
    if prior then
      for key in string.gmatch(keys, '[^\n]+') do
        if redis.call('EXISTS', key) == 1 then budget.move(key, delta, 0) end
      end
      if held[5] then redis.call('HINCRBY', record, 'spent', budget.int(delta)) end
    elseif held[1] then
      keys = held[3] or ''
      local hold = held[4] and tonumber(string.match(held[4], '^%d+')) or 0
      local committed = (tonumber(held[2]) or 0) - hold
      local taken = math.min(delta, math.max((tonumber(held[1]) or 0) - committed, 0))
      for key in string.gmatch(keys, '[^\n]+') do budget.move(key, delta, -taken) end
      redis.call('HDEL', record, 'call:' .. entry.call)
      redis.call('HSET', record, 'committed', budget.int(committed), 'reserved', budget.int(tonumber(held[1]) - taken))
      redis.call('HINCRBY', record, 'spent', budget.int(delta))
      redis.call('HINCRBY', record, 'used', budget.int((entry.input or 0) + (entry.output or 0)))
    else
      -- The task already ended (or never reserved): the money is gone all the same, so it is counted now.
      keys = budget.keys_text(gates)
      budget.book(gates, delta, 0)
    end
    if delta > 0 then budget.alarms(p, keys, gates) end
  end
  if not prior then
    metric_count(p, (entry.input or 0) + (entry.output or 0), 'ai_agent_token_usage_total', entry.agent, entry.model)
    metric_count(p, delta / 1000000, 'fleet_cost_usd_total', entry.agent, entry.model)
  end
  redis.call('HSET', seen_key, entry.call, budget.int(entry.micros) .. (entry.estimated and '~' .. keys or ''))
  if not prior then redis.call('PEXPIRE', seen_key, 3 * 86400000) end
  budget.write(p, entry, delta, now)
  return {status = prior and 'corrected' or 'recorded', micros = entry.micros, delta = delta}
end

function budget.pool_time(p, entry, now)
  entry.micros = math.floor((tonumber(entry.usd) or 0) * 1000000)
  if entry.micros < 1 then return end
  entry.call, entry.kind, entry.provider = entry.task .. ':replica', 'replica', entry.pool
  entry.origin = 'price per replica-hour of pool ' .. entry.pool
  budget.write(p, entry, entry.micros, now)
end
