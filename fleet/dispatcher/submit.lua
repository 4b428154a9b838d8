--[[ submit.lua: one or many tasks come in, in one round trip.
KEYS: 1 the cell's key prefix   ARGV: four of each task, see submission.lua
Returns: a list of {answer, id, pool, reason, retry_after}, then the list of (queue, message) pairs to
publish when the broker is not this Redis. Idempotent by task id. ]]
--@include dispatcher/parts/submit_one.lua
begin_run()
local p, now, answers = KEYS[1], server_seconds(), {}
for offset = 0, #ARGV - 1, 4 do
  answers[#answers + 1] = submit_one(p, read_submission(ARGV, offset), now, #answers)
end
end_run(p)
return {answers, outgoing}
