-- Record what calls really cost.
-- KEYS[1] = prefix; ARGV = one JSON ledger entry per call (see budget_settle.lua). Returns one JSON receipt per entry.
-- The provider's quota, which was taken by estimate, is corrected to the tokens used.
--@include costs/server_time.lua
--@include costs/budget_settle.lua
--@include costs/quota.lua
local p, now, receipts = KEYS[1], server_time(), {}
for index, text in ipairs(ARGV) do
  local entry = cjson.decode(text)
  local held = redis.call('HGET', p .. 'reservation:' .. entry.task, 'call:' .. entry.call)
  receipts[index] = cjson.encode(budget.settle(p, entry, now))
  local since, taken = string.match(held or '', '^%d+ (%d+) (%d+) ')
  if taken then
    quota.correct(p, entry.provider, entry.model, entry.input + entry.output - taken, now, tonumber(since))
  end
end
return receipts
