--[[ note_job.lua: remember when a scheduled job ran and when it last succeeded, and count the run.
KEYS: 1 the cell's key prefix   ARGV: 1 job   2 '1' when it succeeded   Writes jobs[job] = '<ran> <succeeded>' (unix seconds, 0 never) ]]
--@include telemetry/metrics.lua
local key, now = KEYS[1] .. 'jobs', redis.call('TIME')[1]
local before = redis.call('HGET', key, ARGV[1]) or '0 0'
local succeeded = ARGV[2] == '1' and now or string.match(before, '%S+$')
redis.call('HSET', key, ARGV[1], now .. ' ' .. succeeded)
metric_count(KEYS[1], 1, 'fleet_job_runs_total', ARGV[1], ARGV[2] == '1' and 'ok' or 'failed')
return 1
