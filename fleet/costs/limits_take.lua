-- Count a request against the rate limits, or say when it may come again.
-- KEYS[1] = prefix; ARGV[1] = JSON request (see limits.lua). Returns {} when admitted, else {which, retry_after_ms}.
--@include costs/server_time.lua
--@include costs/limits.lua
local retry, which = limits.take(KEYS[1], cjson.decode(ARGV[1]), server_time())
return retry and {which, budget.int(retry)} or {}
