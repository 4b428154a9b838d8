-- What does a task's record say? task_record(p, id) -> table by field name, '' where a field is missing; read once a run.
-- Whoever writes fields of a running task keeps the table true, or has it forgotten (forget_record).
--@include dispatcher/parts/run.lua
local RECORD = {'state', 'attempt', 'pool', 'profile', 'worker', 'type', 'size', 'hint', 'started', 'rate', 'probe', 'tenant',
  'lesson', 'submitted', 'pool_usd', 'waited_for', 'deadline'}

local function task_record(p, id)
  local known = memo.records or {}
  memo.records = known
  local record = known[id]
  if not record then
    local values = redis.call('HMGET', p .. 'task:' .. id, unpack(RECORD))
    for index = 1, #RECORD do values[index] = values[index] or '' end
    record = {exists = values[1] ~= '', state = values[1], attempt = values[2], pool = values[3], profile = values[4], worker = values[5],
      type = values[6], size = values[7], hint = values[8], started = values[9], rate = values[10], probe = values[11], tenant = values[12],
      lesson = values[13], submitted = values[14], pool_usd = values[15], waited_for = values[16], deadline = values[17]}
    known[id] = record
  end
  return record
end

local function forget_record(id)
  if memo.records then memo.records[id] = nil end
end
