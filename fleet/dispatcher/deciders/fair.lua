-- Which tenant's task is next?
-- Tags are times on the server's clock (start-time fair queueing in seconds): inside a task type the earliest tag goes
-- first, and the match counts a task's age from its tag. A burst beyond the tenant's share dates itself into the future;
-- whoever stays within its share is dated now. Alone, a tenant has the whole fleet and its order is plain arrival.

-- When would this task start, had its tenant only its share of the fleet?
-- clock: the tenant's last finish tag; has_held: it has held tasks already (if not, the past is forgiven);
-- active_weight: sum over tenants with held or running tasks, this one included. -> start tag, new clock
local function fair_start(now, clock, has_held, size, weight, active_weight, slots)
  if active_weight <= weight then return now, now end
  local start = has_held and math.max(now, clock) or now
  return start, start + size * active_weight / (weight * math.max(slots, 1))
end
