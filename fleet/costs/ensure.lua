-- Ask, before a paid call, for its money and its share of the provider's quota.
-- KEYS[1] = prefix; ARGV[1] = JSON request (see budget_ensure.lua) with provider, model and tokens for the quota.
-- Returns a JSON verdict; status `quota` = the provider's limit is used up, ask again after retry_after_ms.
--@include costs/server_time.lua
--@include costs/budget_ensure.lua
--@include costs/quota.lua
local p, request, now = KEYS[1], cjson.decode(ARGV[1]), server_time()
if redis.call('HEXISTS', p .. 'reservation:' .. request.task, 'call:' .. request.call) == 1 then
  return cjson.encode({status = 'ok', amount = request.amount})
end
if request.provider then
  local retry, which = quota.check(p, request.provider, request.model, request.tokens or 0, now)
  if retry then return cjson.encode({status = 'quota', amount = request.amount, budget = which, retry_after_ms = retry}) end
end
local verdict = budget.ensure(p, request, now)
if verdict.status == 'ok' and request.provider then
  quota.take(p, request.provider, request.model, request.tokens or 0, now)
end
return cjson.encode(verdict)
