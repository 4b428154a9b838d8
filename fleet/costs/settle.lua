-- Record what calls really cost.
-- KEYS[1] = prefix; ARGV = one JSON ledger entry per call (see budget_settle.lua). Returns one JSON receipt per entry.
--@include costs/server_time.lua
--@include costs/budget_settle.lua
local now, receipts = server_time(), {}
for index, text in ipairs(ARGV) do receipts[index] = cjson.encode(budget.settle(KEYS[1], cjson.decode(text), now)) end
return receipts
