-- Reserve the budget of tasks that are about to start.
-- KEYS[1] = prefix; ARGV = one JSON request per task (see budget_reserve.lua). Returns one JSON verdict per task.
--@include costs/server_time.lua
--@include costs/budget_reserve.lua
local now, verdicts = server_time(), {}
for index, text in ipairs(ARGV) do verdicts[index] = cjson.encode(budget.reserve(KEYS[1], cjson.decode(text), now)) end
return verdicts
