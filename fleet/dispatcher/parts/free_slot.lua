-- A running attempt gives its slot back: free_slot(p, id, now, ok) -> pool. ok: true or false teaches the pool's record,
-- nil teaches nothing (the attempt was lost, handed back or cancelled).
--@include dispatcher/parts/learn_outcome.lua
--@include dispatcher/parts/hold.lua
--@include dispatcher/parts/record.lua
local function free_slot(p, id, now, ok)
  local t = task_record(p, id)
  local pool, started, rate = t.pool, tonumber(t.started), tonumber(t.rate) or 0
  redis.call('SREM', p .. 'running:' .. t.worker, id)
  if counted(p .. 'inflight', pool) > 0 then tally(p .. 'inflight', pool, -1) end
  count_open(p, t.tenant ~= '' and t.tenant or 'default', -1)
  if started then
    started = math.min(started, now - 1e-4) -- after a step back of the clock: no attempt takes no time, or less
    -- What the attempt's slot cost; the ledger gets the sum when the task ends.
    local slot_hour_usd = price_of(p, pool)
    if slot_hour_usd > 0 then
      t.pool_usd = redis.call('HINCRBYFLOAT', p .. 'task:' .. id, 'pool_usd', string.format('%.9f', (now - started) / 3600 * slot_hour_usd))
    end
  end
  if ok ~= nil then
    judge_standing(p, t, pool, ok, now)
    if t.lesson ~= '0' or t.probe == '1' then
      learn_outcome(p, t, pool, ok, now - (started or now), now)
      if ok and started then note_worked(p, now - started, tonumber(t.size) or 10) end
    end
  elseif rate > 0 then
    test_pool(p, pool, -rate, 0, now)
  end
  if ok == nil and t.probe == '1' then
    -- The probe told nothing, whether it began or not: the next task may probe.
    local state = parse_standing(redis.call('HGET', p .. 'ejected', pool))
    state.probing = 0
    save_standing(p, pool, state)
  end
  return pool
end
