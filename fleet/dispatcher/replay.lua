--[[ replay.lua: a dead letter gets another chance.
KEYS: 1 the cell's key prefix   ARGV: 1 task, 2 its edited envelope or ''
Returns: {state ('' when it is no dead letter), to publish}. Attempts go on counting (the fence), failures and losses start anew. ]]
--@include dispatcher/parts/retry.lua
--@include dispatcher/parts/fill.lua
begin_run()
local p, id, now = KEYS[1], ARGV[1], server_seconds()
if redis.call('ZREM', p .. 'dead', id) == 0 then return {'', {}} end
local key = p .. 'task:' .. id
redis.call('PERSIST', key)
redis.call('HSET', key, 'failures', 0, 'losses', 0, 'excluded', '', 'ended', '', 'reason', 'replayed', 'deadline', '', 'tag', '')
if ARGV[2] ~= '' then redis.call('HSET', key, 'envelope', ARGV[2]) end
redis.call('DEL', 'celery-task-meta-' .. id)
retry_task(p, id, now, 0, '', 'other')
fill(p, nil, now, 'replay')
end_run(p)
return {redis.call('HGET', key, 'state'), outgoing}
