-- How much happened in the last hour (or minute)?
-- INCLUDE: the table `rolling` with
--   rolling.sum(key, span, now) -> amount in the last span.seconds      span = {slice = milliseconds, slices = count}
--   rolling.wait(key, span, limit, amount, now) -> 0 when `amount` more fits, else ms until it does, -1: never
--   rolling.add(key, span, amount, now, since?): `since` = when the amount that a negative one corrects was added
-- One hash of slices and their sum. One slice more than the span is counted, so no interval of that length, wherever it
-- starts, ever holds more than the limit. Each slice is dropped once: constant work per step.
local rolling = {
  hour = {slice = 60000, slices = 60},
  minute = {slice = 1000, slices = 60},
}

function rolling.slices_from(key, first, last)
  local names = {}
  for slice = first, last do names[#names + 1] = budget.int(slice) end
  return names, #names > 0 and redis.call('HMGET', key, unpack(names)) or {}
end

function rolling.sum(key, span, now)
  local current = math.floor(now / span.slice)
  local state = redis.call('HMGET', key, 'sum', 'tail')
  if not state[2] then return 0, current, current end
  local sum, tail = tonumber(state[1]) or 0, tonumber(state[2])
  local first = current - span.slices
  if tail < first then
    local names, values = rolling.slices_from(key, tail, first - 1)
    for _, value in ipairs(values) do sum = sum - (tonumber(value) or 0) end
    redis.call('HDEL', key, unpack(names))
    redis.call('HSET', key, 'sum', budget.int(sum), 'tail', budget.int(first))
    tail = first
  end
  return sum, current, tail
end

function rolling.wait(key, span, limit, amount, now)
  local sum, current, tail = rolling.sum(key, span, now)
  if sum + amount <= limit then return 0 end
  if amount > limit then return -1 end
  local _, values = rolling.slices_from(key, tail, current)
  for index = 1, current - tail + 1 do
    sum = sum - (tonumber(values[index]) or 0)
    if sum + amount <= limit then return (tail + index - 1 + span.slices + 1) * span.slice - now end
  end
  return -1
end

function rolling.add(key, span, amount, now, since)
  if amount == 0 then return end
  local _, current, tail = rolling.sum(key, span, now)
  if amount < 0 then
    -- What was counted too much is taken back where it was counted, else a later interval would pay for it.
    current = math.floor((since or now) / span.slice)
    if current < tail then return end
  end
  redis.call('HINCRBY', key, budget.int(current), budget.int(amount))
  redis.call('HINCRBY', key, 'sum', budget.int(amount))
  redis.call('HSET', key, 'tail', budget.int(tail))
  redis.call('PEXPIRE', key, span.slice * (span.slices + 2))
end
