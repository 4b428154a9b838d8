--[[ note_job.lua: remember when a scheduled job ran and when it last succeeded, and count the run.
KEYS: 1 the cell's key prefix   ARGV: 1 job   2 '1' when it succeeded
Writes jobs['<job>:ran'] and, when it succeeded, jobs['<job>:succeeded'] (unix seconds). Returns 1. ]]
--@include telemetry/metrics.lua
local key, time, ok = KEYS[1] .. 'jobs', redis.call('TIME'), ARGV[2] == '1'
local now = string.format('%.3f', time[1] + time[2] / 1e6)
redis.call('HSET', key, ARGV[1] .. ':ran', now)
if ok then redis.call('HSET', key, ARGV[1] .. ':succeeded', now) end
metric_count(KEYS[1], 1, 'fleet_job_runs_total', ARGV[1], ok and 'ok' or 'failed')
return 1
