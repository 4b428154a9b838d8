-- Does the provider's own limit (requests and tokens a minute, shared by the whole fleet) leave room for a call?
-- INCLUDE: the table `quota` with
--   quota.check(p, provider, model, tokens, now) -> nil when there is room, else retry_after_ms, which
--   quota.take(p, provider, model, tokens, now): the same, and counts the call
--   quota.correct(p, provider, model, tokens, now, since?): add the difference between true and estimated tokens
--   quota.backoff(p, provider, model, retry_after_ms, now): the provider answered 429; nobody calls until then
-- `quotas` holds 'provider/model' (or 'provider/*') -> 'requests tokens' per minute, 0 = none.
--@include costs/budget_gates.lua
--@include costs/rolling.lua
local quota = {}

function quota.of(p, provider, model)
  local name = provider .. '/' .. model
  local rows = redis.call('HMGET', p .. 'quotas', name, provider .. '/*')
  if not rows[1] and rows[2] then name = provider .. '/*' end
  local requests, tokens = string.match(rows[1] or rows[2] or '0 0', '^(%d+) (%d+)$')
  return name, tonumber(requests) or 0, tonumber(tokens) or 0
end

function quota.check(p, provider, model, tokens, now)
  local name, most_requests, most_tokens = quota.of(p, provider, model)
  local closed = tonumber(redis.call('HGET', p .. 'quota_closed', name)) or 0
  if closed > now then return closed - now, 'quota ' .. name .. ' retry-after' end
  local key = p .. 'quota:' .. name
  if most_requests > 0 then
    local retry = rolling.wait(key .. ':requests', rolling.minute, most_requests, 1, now)
    if retry ~= 0 then return retry, 'quota ' .. name .. ' requests' end
  end
  if most_tokens > 0 then
    local retry = rolling.wait(key .. ':tokens', rolling.minute, most_tokens, tokens, now)
    if retry ~= 0 then return retry, 'quota ' .. name .. ' tokens' end
  end
end

function quota.correct(p, provider, model, tokens, now, since)
  local name, _, most_tokens = quota.of(p, provider, model)
  if most_tokens > 0 then rolling.add(p .. 'quota:' .. name .. ':tokens', rolling.minute, tokens, now, since) end
end

function quota.take(p, provider, model, tokens, now)
  local retry, which = quota.check(p, provider, model, tokens, now)
  if retry then return retry, which end
  local name, most_requests = quota.of(p, provider, model)
  if most_requests > 0 then rolling.add(p .. 'quota:' .. name .. ':requests', rolling.minute, 1, now) end
  quota.correct(p, provider, model, tokens, now)
end

function quota.backoff(p, provider, model, retry_after_ms, now)
  local name = quota.of(p, provider, model)
  local closed = tonumber(redis.call('HGET', p .. 'quota_closed', name)) or 0
  redis.call('HSET', p .. 'quota_closed', name, budget.int(math.max(closed, now + retry_after_ms)))
end
