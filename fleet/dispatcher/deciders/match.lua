-- Which held task goes to which pool next?
--@include dispatcher/deciders/terms.lua
-- match(heads, pools, factors, options) -> head index, pool index, score; nil when every slot should rather wait.
-- factors[type][pool name]: see cost.lua. options: held (tasks held in all), hold (2), noise (relative difference that
-- counts as a tie, 0), only_pool (name: the one pool whose slot is being filled).
-- Higher priority always goes first; then the highest score; equal costs go to the pool with the largest free share.

local function has_room(pool, options)
  return pool.free > 0 and (not options.only_pool or options.only_pool == pool.name)
end

-- The head's emptiest pool among those as cheap as the chosen one, within noise: spreads load over equal pools.
local function emptiest_equal(head, pools, row, options, choice)
  if options.only_pool then return choice.at end
  local at, share = choice.at, pools[choice.at].free / pools[choice.at].slots
  local limit = math.min(choice.cost, choice.bound)
  for p = 1, #pools do
    local pool = pools[p]
    if has_room(pool, options) and pool.free / pool.slots > share and is_usable(head, pool, choice.strictness) then
      local cost = expected_cost(head, pool, row)
      if cost and is_worth_taking(cost, limit, options) then at, share = p, pool.free / pool.slots end
    end
  end
  return at
end

local function match(heads, pools, factors, options)
  local chosen, choice, top, rank
  local waits, first, last = expected_waits(pools, options), 1, #pools
  for p = 1, options.only_pool and #pools or 0 do
    if pools[p].name == options.only_pool then first, last = p, p end
  end
  for i = 1, #heads do
    local head = heads[i]
    local priority = head.priority or 0
    if not rank or priority >= rank then
      local row = factors[head.type]
      local best, bound, strictness = survey(head, pools, row, waits)
      for p = first, best and last or 0 do
        local pool = pools[p]
        if has_room(pool, options) and row[pool.name] and is_usable(head, pool, strictness) then
          local cost = expected_cost(head, pool, row)
          if is_worth_taking(cost, bound, options) then
            local score = match_score(head, cost, best)
            if not rank or priority > rank or score > top then
              chosen, top, rank = i, score, priority
              choice = {at = p, cost = cost, bound = bound, strictness = strictness}
            end
          end
        end
      end
    end
  end
  if not chosen then return nil end
  return chosen, emptiest_equal(heads[chosen], pools, factors[heads[chosen].type], options, choice), top
end
