-- Which budgets stand between this task and its money, and how full are they?
-- INCLUDE: the table `budget` with
--   budget.gates(p, tenant, task_type, task, now) -> list of gates, organisation first:
--     {name, window, key, limit, policy, downgrade_at, spent, reserved, fired, ends}; limit counts this window's grants.
--   budget.int(number) -> decimal text without an exponent.     budget.move(gate_key, spent, reserved) adds to both.
-- p = the cell's key prefix; money in micro-dollars; times in milliseconds. Reads `budget_routes`, which holds for every
-- (tenant, task type) the compiled list [name, window, limit, policy, downgrade_at]; '*' stands for the undeclared ones.
--@include costs/calendar.lua
local budget = {keep = {hour = 7 * 86400000, day = 90 * 86400000, month = 800 * 86400000}}

function budget.int(number) return string.format('%.0f', number) end

function budget.gates(p, tenant, task_type, task, now)
  local rows = redis.call('HMGET', p .. 'budget_routes', tenant .. '\n' .. task_type, tenant .. '\n*',
    '*\n' .. task_type, '*\n*')
  local route = rows[1] or rows[2] or rows[3] or rows[4]
  if not route then return {} end
  local gates, windows = {}, calendar(now)
  for index, row in ipairs(cjson.decode(route)) do
    local window = windows[row[2]]
    -- A budget per task is counted in the task's own reservation, which has the same fields.
    local key = window and (p .. 'budget:' .. row[1] .. ':' .. row[2] .. ':' .. window.id) or (p .. 'reservation:' .. task)
    local now_in = redis.call('HMGET', key, 'spent', 'reserved', 'granted', 'fired')
    gates[index] = {
      name = row[1], window = row[2], key = key, policy = row[4], downgrade_at = row[5],
      limit = row[3] + (tonumber(now_in[3]) or 0), spent = tonumber(now_in[1]) or 0,
      reserved = tonumber(now_in[2]) or 0, fired = tonumber(now_in[4]) or 0,
      ends = window and window.ends, fresh = window and not (now_in[1] or now_in[2] or now_in[3]),
    }
  end
  return gates
end

function budget.move(key, spent, reserved)
  if spent ~= 0 then redis.call('HINCRBY', key, 'spent', budget.int(spent)) end
  if reserved ~= 0 then redis.call('HINCRBY', key, 'reserved', budget.int(reserved)) end
end

-- Add to every gate that is a window of its own, and see that a new window goes away some time after it ended.
function budget.book(gates, spent, reserved)
  for _, gate in ipairs(gates) do
    if gate.ends and (spent ~= 0 or reserved ~= 0) then
      budget.move(gate.key, spent, reserved)
      if gate.fresh then redis.call('PEXPIREAT', gate.key, budget.int(gate.ends + budget.keep[gate.window])) end
    end
  end
end

-- Take back what a task holds in the windows it was booked in, also when those are over (gone ones stay gone).
function budget.unbook(keys_text, reserved)
  if reserved <= 0 or not keys_text then return end
  for key in string.gmatch(keys_text, '[^\n]+') do
    if redis.call('EXISTS', key) == 1 then budget.move(key, 0, -reserved) end
  end
end

function budget.keys_text(gates)
  local keys = {}
  for _, gate in ipairs(gates) do if gate.ends then keys[#keys + 1] = gate.key end end
  return table.concat(keys, '\n')
end
