-- Which terms make up the cost of one held task on one pool?
-- head {type, size, age (seconds since its fair start, fair.lua), priority, excluded?, affinity?, slo?}
-- pool {name, free, slots, service, out?}
-- row = factors[head.type]: pool name -> expected seconds of success per second of size (cost.lua); nil: not capable.

-- T: expected seconds until this task has succeeded on this pool; nil when the pool is not capable of it.
-- Affinity (seconds a warm cache saves) may take off at most half.
local function expected_cost(head, pool, row)
  local factor = row and row[pool.name]
  if not factor then return nil end
  local cost = math.max(head.size, 0.001) * factor
  local saved = head.affinity and head.affinity[pool.name]
  if saved and saved > 0 then cost = cost - math.min(saved, 0.5 * cost) end
  return cost
end

-- Seconds a task held now waits for the next slot of this pool: none where one is free.
local function expected_wait(pool, options)
  if pool.free > 0 then return 0 end
  return (options.hold or 2) * math.max(options.held or 1, 1) * pool.service / pool.slots
end

-- May this pool take this task at this strictness? 3: in service and not excluded; 2: in service; 1: any with slots.
local function is_usable(head, pool, strictness)
  if pool.slots <= 0 then return false end
  if strictness == 1 then return true end
  if pool.out then return false end
  return strictness == 2 or not (head.excluded and head.excluded[pool.name])
end

-- One look over all pools: the least cost; the least where a slot is free, and which pool that is; the strictness that still
-- leaves a pool. Relaxing is what never strands a task whose only capable pools are ejected or have failed it before.
-- (is_usable and expected_cost are written out: this loop is most of a decision among many pools.)
local function survey(head, pools, row)
  local size, excluded, affinity = math.max(head.size, 0.001), head.excluded, head.affinity
  for strictness = row and 3 or 0, 1, -1 do
    local best, open, at
    for index = 1, #pools do
      local pool = pools[index]
      local factor = row[pool.name]
      if factor and pool.slots > 0 and (strictness == 1 or not pool.out) and (strictness < 3 or not (excluded and excluded[pool.name])) then
        local cost = affinity and expected_cost(head, pool, row) or size * factor
        if not best or cost < best then best = cost end
        if pool.free > 0 and (not open or cost < open) then open, at = cost, index end
      end
    end
    if best then return best, strictness, open, at end
  end
  return nil
end

-- The least cost with waiting among all pools, of which `open` is the least where no one waits.
local function least_bound(head, pools, row, strictness, open, options)
  local bound = open
  for index = 1, #pools do
    local pool = pools[index]
    if pool.free <= 0 and row[pool.name] and is_usable(head, pool, strictness) then
      local total = expected_cost(head, pool, row) + expected_wait(pool, options)
      if not bound or total < bound then bound = total end
    end
  end
  return bound
end

-- Hold rule: a free slot may take the task only if no pool, waiting included, would finish it sooner (within noise).
local function is_worth_taking(cost, bound, options)
  return cost <= bound * (1 + (options.noise or 0))
end

-- Match rule (M-LWDF): age times relative efficiency; an interactive task's age counts more as its goal nears.
local function match_score(head, cost, best)
  local score = (head.age + 1) * best / cost
  if head.slo and head.slo > 0 then score = score * (1 + head.age / head.slo) end
  return score
end
