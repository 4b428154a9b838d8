-- Do the rate limits (requests, tokens, dollars per hour; by tenant, task type, model) and the provider's quota let this
-- task in? Asked before the task holds a slot.
-- INCLUDE: the table `limits` with
--   limits.take(p, request, now) -> nil when admitted and counted, else retry_after_ms, which
--     request = {tenant, type, model?, provider?, tokens, micros} (estimates); which = e.g. 'tenant:acme tokens';
--     retry_after_ms -1: this request alone is larger than the limit.
--   limits.check(p, request, now): the same without counting.      limits.count(p, request, now): counting only.
--   limits.correct(p, request, tokens, micros, now): add the difference between true and estimated amounts.
-- `limits` holds scope -> 'requests tokens micros' per hour (0 = none); scope fleet | tenant:x | task_type:x | model:x,
-- where x may be * for every tenant (task type, model) without a row of its own. Read live: a change acts at once.
--@include costs/budget_gates.lua
--@include costs/rolling.lua
--@include costs/quota.lua
local limits = {}
limits.kinds = {'requests', 'tokens', 'micros'}

-- The scopes of a task, each (but the fleet's) before the one that stands for all of its kind.
function limits.fields(tenant, task_type, model)
  local fields = {'fleet', 'tenant:' .. tenant, 'tenant:*', 'task_type:' .. task_type, 'task_type:*'}
  if model then fields[6], fields[7] = 'model:' .. model, 'model:*' end
  return fields
end

-- Is any of these scopes limited?
function limits.any(p, fields)
  for _, text in ipairs(redis.call('HMGET', p .. 'limits', unpack(fields))) do
    if text then return true end
  end
  return false
end

function limits.rows(p, request)
  local fields, rows = limits.fields(request.tenant, request.type, request.model), {}
  local values = redis.call('HMGET', p .. 'limits', unpack(fields))
  if values[1] then rows[1] = {scope = 'fleet', text = values[1]} end
  for index = 2, #fields, 2 do
    local text = values[index] or values[index + 1]
    if text then rows[#rows + 1] = {scope = fields[index], text = text} end
  end
  return rows
end

function limits.each(p, request, visit)
  local amounts = {requests = request.requests or 1, tokens = request.tokens or 0, micros = request.micros or 0}
  for _, row in ipairs(limits.rows(p, request)) do
    local position = 0
    for limit in string.gmatch(row.text, '%d+') do
      position = position + 1
      local kind, most = limits.kinds[position], tonumber(limit)
      if most > 0 and amounts[kind] ~= 0 then
        local retry = visit(p .. 'limit:' .. row.scope .. ':' .. kind, most, amounts[kind])
        if retry and retry ~= 0 then return retry, row.scope .. ' ' .. kind end
      end
    end
  end
end

function limits.check(p, request, now)
  local retry, which = limits.each(p, request, function(key, most, amount)
    return rolling.wait(key, rolling.hour, most, amount, now)
  end)
  if not retry and request.model and request.provider then
    retry, which = quota.check(p, request.provider, request.model, request.tokens or 0, now)
  end
  return retry, which
end

function limits.count(p, request, now)
  limits.each(p, request, function(key, _, amount) rolling.add(key, rolling.hour, amount, now, request.since) end)
end

function limits.take(p, request, now)
  local retry, which = limits.check(p, request, now)
  if retry then return retry, which end
  limits.count(p, request, now)
end

function limits.correct(p, request, tokens, micros, now)
  limits.count(p, {tenant = request.tenant, type = request.type, model = request.model, requests = 0,
    tokens = tokens, micros = micros, since = request.since}, now)
end
