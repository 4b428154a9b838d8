-- What will a task of this type cost, as far as its predecessors tell?
-- INCLUDE: budget.expected(p, task_type, estimate) -> amount, least
--            amount = learned p95 (the caller's estimate until 20 tasks were seen); least = the cheapest of them (until
--            then 1): with less than that left the task is not worth starting, with more it may fit.
--          budget.learn(p, task_type, spent): one finished task that cost something.
-- `estimate:<task_type>` is a histogram with logarithmic buckets (each 10 % wider), halved at 2 000 tasks: it forgets,
-- and its size is bounded by the range of prices, not by the number of tasks.
--@include costs/budget_gates.lua
budget.log_step = 0.09531017980432493 -- of 1.1; function libraries know no math while they load

function budget.expected(p, task_type, estimate)
  if estimate <= 0 then return 0, 0 end
  local learned = redis.call('HMGET', p .. 'estimate:' .. task_type, 'n', 'p95', 'low')
  if (tonumber(learned[1]) or 0) < 20 then return estimate, 1 end
  return tonumber(learned[2]), math.min(tonumber(learned[3]), tonumber(learned[2]))
end

function budget.learn(p, task_type, spent)
  if spent <= 0 then return end
  local key = p .. 'estimate:' .. task_type
  redis.call('HINCRBY', key, 'b' .. math.floor(math.log(spent) / budget.log_step), 1)
  local n = redis.call('HINCRBY', key, 'n', 1)
  -- Exact quantiles while young, then every eighth task: a histogram of thousands does not jump.
  if n > 64 and n % 8 ~= 0 then return end
  local flat, buckets, total = redis.call('HGETALL', key), {}, 0
  for index = 1, #flat, 2 do
    local bucket = string.match(flat[index], '^b(%d+)$')
    if bucket then
      local count = tonumber(flat[index + 1])
      if n >= 2000 then
        count = math.floor(count / 2)
        if count == 0 then redis.call('HDEL', key, flat[index]) else redis.call('HSET', key, flat[index], count) end
      end
      if count > 0 then
        buckets[#buckets + 1] = {tonumber(bucket), count}
        total = total + count
      end
    end
  end
  table.sort(buckets, function(a, b) return a[1] < b[1] end)
  local seen, high = 0, nil
  for _, bucket in ipairs(buckets) do
    seen = seen + bucket[2]
    if not high and seen >= 0.95 * total then high = math.ceil(math.exp((bucket[1] + 1) * budget.log_step)) end
  end
  local low = math.max(math.floor(math.exp(buckets[1][1] * budget.log_step)), 1)
  redis.call('HSET', key, 'n', total, 'low', budget.int(low), 'p95', budget.int(high))
end
