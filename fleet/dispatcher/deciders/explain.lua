-- Why did a held task go to this pool and not to another?
--@include dispatcher/deciders/terms.lua
-- explain(head, pools, factors, options) -> {strictness, best, bound, candidates, rejected}
-- candidates[] = {pool, cost, wait, score, takes} in order of cost plus wait; rejected[] = {pool, reason}.
-- The arithmetic is that of match.lua, kept in terms.lua; takes = this pool's free slot may have it now.

local function rejection(head, pool, row, strictness)
  if not expected_cost(head, pool, row) then return 'not capable of ' .. head.type end
  if pool.slots <= 0 then return 'no worker ready' end
  if pool.out and strictness > 1 then return 'ejected after failures' end
  return 'failed this task before'
end

local function explain(head, pools, factors, options)
  local row = factors[head.type]
  local best, strictness, open = survey(head, pools, row)
  local bound = best and least_bound(head, pools, row, strictness, open, options)
  local answer = {strictness = strictness or 0, best = best, bound = bound, candidates = {}, rejected = {}}
  for index = 1, #pools do
    local pool = pools[index]
    local cost = best and is_usable(head, pool, strictness) and expected_cost(head, pool, row)
    if cost then
      answer.candidates[#answer.candidates + 1] = {
        pool = pool.name, cost = cost, wait = expected_wait(pool, options), score = match_score(head, cost, best),
        takes = pool.free > 0 and is_worth_taking(cost, bound, options),
      }
    else
      answer.rejected[#answer.rejected + 1] = {
        pool = pool.name, reason = rejection(head, pool, row, strictness or 3),
      }
    end
  end
  table.sort(answer.candidates, function(a, b)
    local left, right = a.cost + a.wait, b.cost + b.wait
    if left == right then return a.pool < b.pool end
    return left < right
  end)
  return answer
end
