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
    record = {exists = values[1] and true}
    for index = 1, #RECORD do record[RECORD[index]] = values[index] or '' end
    known[id] = record
  end
  return record
end

local function forget_record(id)
  if memo.records then memo.records[id] = nil end
end
