-- Which held task goes to which pool next?
--@include dispatcher/deciders/terms.lua
-- match(heads, pools, factors, options) -> head index, pool index, score; nil when every slot should rather wait.
-- factors[type][pool name]: see cost.lua. options: held (tasks held in all), hold (2), noise (relative difference that
-- counts as a tie, 0), only_pool (name: the one pool whose slot is being filled).
-- Higher priority always goes first; then the highest score; equal costs go to the pool with the largest free share.
-- Several tasks in a row are a round, which looks again only at what a release has changed: open_round(heads, pools, factors,
-- options), then choose(round) and, once pool.free and options.held are counted down, took(round) and enter(round, index, the
-- lane's next head or nil). In a round slots only fill and fewer are held, so a head that should rather wait stays so.

-- What this head can have: the cheapest pool with room; looked at once the head may be first. -> {at, cost, best, strictness, open, score}; false: nothing.
local function view_of(round, head)
  local row, own = head and round.factors[head.type], round.own
  if not row or (own and not (round.pools[own] and row[round.pools[own].name])) then return false end
  local best, strictness, open, at = survey(head, round.pools, row)
  local cost = open
  if own then
    local pool = round.pools[own]
    at, cost = own, best and pool.free > 0 and is_usable(head, pool, strictness) and expected_cost(head, pool, row)
  end
  if not cost then return false end
  return {at = at, cost = cost, best = best, strictness = strictness, open = open, score = match_score(head, cost, best)}
end

local function enter(round, index, head)
  round.heads[index], round.views[index] = head or false, nil
end

local function open_round(heads, pools, factors, options)
  local round = {heads = heads, views = {}, pools = pools, factors = factors, options = options, count = #heads}
  if options.only_pool then
    round.own = 0 -- no such pool
    for p = 1, #pools do
      if pools[p].name == options.only_pool then round.own = p end
    end
  end
  return round
end

-- The head's emptiest pool among those as cheap as the chosen one, within noise: spreads load over equal pools.
local function emptiest_equal(round, head, view, limit)
  if round.own then return view.at end
  local pools, row = round.pools, round.factors[head.type]
  local at, share = view.at, pools[view.at].free / pools[view.at].slots
  for p = 1, #pools do
    local pool = pools[p]
    if pool.free > 0 and pool.free / pool.slots > share and is_usable(head, pool, view.strictness) then
      local cost = expected_cost(head, pool, row)
      if cost and is_worth_taking(cost, limit, round.options) then at, share = p, pool.free / pool.slots end
    end
  end
  return at
end

-- The highest priority among heads that may have something.
local function highest(round)
  local rank
  for i = 1, round.count do
    local head = round.heads[i]
    if head and round.views[i] ~= false and (not rank or (head.priority or 0) > rank) then rank = head.priority or 0 end
  end
  return rank
end

local function first_of(round)
  local chosen, top
  while not chosen do
    local rank = highest(round)
    if not rank then return nil end
    for i = 1, round.count do
      local head = round.heads[i]
      if head and round.views[i] ~= false and (head.priority or 0) == rank then
        local view = round.views[i] or view_of(round, head)
        round.views[i] = view
        if view and (not chosen or view.score > top) then chosen, top = i, view.score end
      end
    end
  end
  return chosen, top
end

local function choose(round)
  while true do
    local chosen, score = first_of(round)
    if not chosen then return nil end
    local head, view = round.heads[chosen], round.views[chosen]
    local bound = view.best
    if view.cost > bound then bound = least_bound(head, round.pools, round.factors[head.type], view.strictness, view.open, round.options) end
    if is_worth_taking(view.cost, bound, round.options) then
      round.taken = emptiest_equal(round, head, view, math.min(view.cost, bound))
      round.was_out = round.pools[round.taken].out
      return chosen, round.taken, score
    end
    round.views[chosen] = false
  end
end

local function took(round)
  local pool = round.pools[round.taken]
  local is_changed = (pool.out or false) ~= (round.was_out or false) -- the probe of an ejected pool: others are judged anew
  if pool.free > 0 and not is_changed then return end
  for i = 1, round.count do
    local view = round.views[i]
    if is_changed or (view and view.at == round.taken) then round.views[i] = nil end
  end
end

local function match(heads, pools, factors, options) return choose(open_round(heads, pools, factors, options)) end
