-- One task comes in: submit_one(p, a, now, place) -> answer, pool, reason, seconds until it may come again, metric label.
-- place: its place in its batch. Idempotent by task id and by idempotency key: the same submission twice is the same task
-- (a.id names it then). A running attempt that submits its own task again (Celery's retry) gives its slot back and waits
-- for the next one; any other attempt is fenced off.
-- A drained cell takes nothing it does not know: it answers 'drained', and the producer asks the tenant's next cell.
--@include dispatcher/parts/admit.lua
--@include dispatcher/parts/fill.lua
--@include dispatcher/parts/resubmit.lua
--@include dispatcher/parts/submission.lua
--@include dispatcher/parts/assign.lua
--@include dispatcher/parts/place.lua
local NOTED = {'hint', 'retries', 'model', 'estimate', 'tokens', 'ranking', 'waited_for'}

local function duplicate(p, id, reason) return 'accepted', redis.call('HGET', p .. 'task:' .. id, 'pool') or '', reason, 0, 'duplicate' end

-- What nobody has submitted before this batch is told at once for all of it (`memo.all_new`), else by its record.
local function known_task(p, id)
  local seen = memo.seen or {}
  memo.seen = seen
  if memo.all_new and not seen[id] then
    seen[id] = true
    return {}
  end
  return redis.call('HMGET', p .. 'task:' .. id, 'state', 'attempt')
end

-- What few tasks have besides, for the record (task.more: a flat list).
local function note_rest(p, a, now)
  local more = {}
  local function note(name, value)
    if value and value ~= '' and value ~= 0 then
      more[#more + 1] = name
      more[#more + 1] = value
    end
  end
  for _, name in ipairs(NOTED) do note(name, a[name]) end
  if a.deadline then
    note('deadline', now + a.deadline)
    redis.call('ZADD', p .. 'deadlines', now + a.deadline, a.id)
  end
  a.more = more
end

-- First attempts and retries are counted by the minute (retry.lua).
local function name_of_minute(now) return 'first:' .. math.floor(now / 60) end

local function count_first(p, now) tally(p .. 'retry_budget', remembered('first', name_of_minute, now), 1) end

local function submit_one(p, a, now, place)
  if a.key ~= '' then
    local known = redis.call('GET', p .. 'idempotency:' .. a.tenant .. ':' .. a.key)
    if known then
      a.id = known
      return duplicate(p, known, 'the idempotency key names this task already')
    end
  end
  local known = known_task(p, a.id)
  if known[1] then
    if known[1] == 'running' and a.attempt == known[2] then return resubmit(p, a, now) end
    return duplicate(p, a.id, 'submitted already')
  end
  if not is_calm(p) and remembered('drained', redis.call, 'EXISTS', p .. 'drained') == 1 then return 'drained', '', '', 0 end
  local kind = kind_of(p, a.type, a.contract)
  if #kind.names == 0 then
    return 'refused', '', "no pool can run '" .. a.type .. "': declare one, or start the fleet so that it publishes its catalogue", 0, 'no_pool'
  end
  local stop = admit(p, a, now)
  if stop and stop[1] ~= 'parked' then return stop[1], '', stop[2], stop[3], stop[4] end
  if a.key ~= '' then redis.call('SET', p .. 'idempotency:' .. a.tenant .. ':' .. a.key, a.id, 'EX', a.key_seconds) end
  if a.has_more then note_rest(p, a, now) end
  a.size, a.attempt, a.held_at, a.place = predict_size(kind.size, a.hint), 0, now, place
  count_first(p, now)
  if stop then
    write_record(p, a.id, a, now, 'state', 'held', 'reason', stop[2], 'lane', '')
    redis.call('ZADD', p .. 'parked', now, a.id)
    return 'accepted', '', 'parked: ' .. stop[2], stop[3], 'budget'
  end
  if a.delay > 0 then
    write_record(p, a.id, a, now, 'state', 'held', 'lane', '')
    redis.call('ZADD', p .. 'delayed', now + a.delay, a.id)
    return 'accepted', '', 'waits for its time', a.delay
  end
  local pool, decision, is_alien = place_task(p, a, kind, now)
  if pool then
    count_open(p, a.tenant, 1)
    release_task(p, a.id, a, pool, now, decision)
    pool.free = pool.free - 1
    return 'accepted', pool.name, 'released at once', 0
  end
  hold_task(p, a.id, a, now)
  return 'accepted', a.bound or '', is_alien and 'held until all workers of a pool understand contract ' .. a.contract or 'held until a slot is free', 0
end
