-- The provider said 429: nobody in the fleet calls this model before the time it named.
-- KEYS[1] = prefix; ARGV = provider, model, retry-after in milliseconds.
--@include costs/server_time.lua
--@include costs/quota.lua
quota.backoff(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), server_time())
return 'OK'
