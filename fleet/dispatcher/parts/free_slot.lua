-- A running attempt gives its slot back: free_slot(p, id, now, ok) -> pool. ok: true or false teaches the pool's record,
-- nil teaches nothing (the attempt was lost, handed back or cancelled).
--@include dispatcher/parts/learn_outcome.lua
--@include dispatcher/parts/hold.lua
local function free_slot(p, id, now, ok)
  local key = p .. 'task:' .. id
  local t = redis.call('HMGET', key, 'pool', 'worker', 'type', 'size', 'hint', 'started', 'rate', 'probe', 'tenant', 'lesson')
  local pool = t[1]
  redis.call('SREM', p .. 'running:' .. (t[2] or ''), id)
  if counted(p .. 'inflight', pool) > 0 then tally(p .. 'inflight', pool, -1) end
  count_open(p, t[9] or 'default', -1)
  if t[6] and t[6] ~= '' then
    -- What the attempt's slot cost; the ledger gets the sum when the task ends.
    local slot_hour_usd = tonumber(redis.call('HGET', p .. 'prices', pool)) or 0
    if slot_hour_usd > 0 then
      redis.call('HINCRBYFLOAT', key, 'pool_usd', string.format('%.9f', (now - tonumber(t[6])) / 3600 * slot_hour_usd))
    end
  end
  if ok ~= nil and (t[10] ~= '0' or t[8] == '1') then
    local task = {type = t[3], size = tonumber(t[4]) or 10, hint = t[5], rate = t[7], probe = t[8]}
    learn_outcome(p, task, pool, ok, now - (tonumber(t[6]) or now), now)
  elseif ok == nil and (tonumber(t[7]) or 0) > 0 then
    test_pool(p, pool, -(tonumber(t[7]) or 0), 0, now)
  end
  if ok == nil and t[8] == '1' then
    -- The probe told nothing, whether it began or not: the next task may probe.
    local state = parse_standing(redis.call('HGET', p .. 'ejected', pool))
    state.probing = 0
    save_standing(p, pool, state)
  end
  return pool
end
