-- Give back the reservations of tasks that ended (or are parked).
-- KEYS[1] = prefix; ARGV = one JSON request per task (see budget_release.lua). Returns micro-dollars given back per task.
--@include costs/server_time.lua
--@include costs/budget_release.lua
local now, freed = server_time(), {}
for index, text in ipairs(ARGV) do freed[index] = budget.int(budget.release(KEYS[1], cjson.decode(text), now)) end
return freed
