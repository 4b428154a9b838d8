--[[ submit.lua: one or many tasks come in, in one round trip.
KEYS: 1 the cell's key prefix   ARGV: 1 how many fields a submission has, 2.. the submissions' fields in the order of
SUBMIT_FIELDS   Returns: a list of {answer, id, pool, reason, retry_after}, then the list of (queue, message) pairs to
publish when the broker is not this Redis. Idempotent by task id. ]]
--@include dispatcher/parts/submit_one.lua
local p, width, now, answers = KEYS[1], tonumber(ARGV[1]), server_seconds(), {}
for offset = 1, #ARGV - 1, width do
  answers[#answers + 1] = submit_one(p, read_submission(ARGV, offset), now, #answers)
end
return {answers, outgoing}
