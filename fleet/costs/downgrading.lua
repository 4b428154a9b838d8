-- Which budget of this task runs so low that a cheaper model stands in?
-- KEYS[1] = prefix; ARGV = tenant, task type. Returns the budget's name, or ''. The first time in a window it is
-- announced in `cost_events`.
--@include costs/server_time.lua
--@include costs/budget_reserve.lua
local p = KEYS[1]
local gates = budget.gates(p, ARGV[1], ARGV[2], '', server_time())
local name = budget.downgrading(gates)
for _, gate in ipairs(gates) do
  if gate.name == name and gate.ends and not gate.fresh and redis.call('HSETNX', gate.key, 'downgrading', 1) == 1 then
    budget.event(p, 'downgrade', gate, gate.spent, gate.downgrade_at)
  end
end
return name or ''
