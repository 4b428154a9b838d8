-- May this task come in? admit(p, a, now) -> nil when it may, else {answer, reason text, retry seconds, label}.
-- Order: emergency mode, rate limits, budgets; nothing is taken when a later gate refuses for good.
--@include costs/limits.lua
--@include costs/budget_reserve.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
local CALM = {}

local function percent_of(id)
  return tonumber(string.sub(redis.sha1hex(id), 1, 6), 16) / 16777216
end

-- Is there any limit to ask about? What many tasks share is asked once a run.
local function is_limited(p, a)
  if a.model ~= '' then return limits.any(p, limits.fields(a.tenant, a.type, a.model)) end
  local known, profile = memo.limited or {}, a.profile
  memo.limited = known
  if known[profile] == nil then
    profile.limit_fields = profile.limit_fields or limits.fields(a.tenant, a.type)
    known[profile] = limits.any(p, profile.limit_fields)
  end
  return known[profile]
end

local function admit(p, a, now)
  local emergency = is_calm(p) and CALM or remembered('emergency', redis.call, 'HMGET', p .. 'emergency', 'until', 'share', 'why')
  if emergency[1] and tonumber(emergency[1]) > now and a.priority < 8 and percent_of(a.id) >= tonumber(emergency[2] or 0) then
    return {'deferred', 'emergency mode: ' .. (emergency[3] or ''), tonumber(emergency[1]) - now, 'emergency'}
  end
  local has_limits = is_limited(p, a)
  if not has_limits and a.estimate <= 0 then return nil end
  local ms = math.floor(now * 1000)
  local wanted = {tenant = a.tenant, type = a.type, model = a.model ~= '' and a.model or nil, tokens = a.tokens,
    micros = a.estimate, task = a.id, estimate = a.estimate}
  local retry_ms, which
  if has_limits then retry_ms, which = limits.take(p, wanted, ms) end
  if retry_ms then
    if retry_ms < 0 then return {'refused', 'larger than the limit of ' .. which .. ' itself', 0, 'rate_limit'} end
    return {'deferred', 'rate limit of ' .. which .. ' reached', retry_ms / 1000, 'rate_limit'}
  end
  if a.estimate <= 0 then return nil end
  local verdict = budget.reserve(p, wanted, ms)
  if verdict.status == 'ok' then return nil end
  local text = string.format("budget '%s' (%s) has %.4f of %.4f USD left, the task needs %.4f", verdict.budget or '?',
    verdict.window or '?', ((verdict.limit or 0) - (verdict.spent or 0) - (verdict.reserved or 0)) / 1e6, (verdict.limit or 0) / 1e6,
    (verdict.amount or 0) / 1e6)
  if verdict.status == 'refuse' then return {'refused', text, 0, 'budget'} end
  if verdict.status == 'defer' then return {'deferred', text, (verdict.retry_after_ms or 1000) / 1000, 'budget'} end
  return {'parked', text, (verdict.retry_after_ms or 1000) / 1000, 'budget'}
end
