--[[ submit.lua: one or many tasks come in, in one round trip.
KEYS: 1 the cell's key prefix   ARGV: four of each task, see submission.lua
Returns: the answers in order as one text, equal ones in a row counted together: rows of \31-separated (how many, answer,
id ('' = as submitted), pool, reason, retry_after), separated by \30. When the broker is not this Redis, a list of that
text and the (queue, message) pairs to publish. ]]
--@include dispatcher/parts/submit_one.lua
begin_run()
local p, now, answers, last, place = KEYS[1], server_seconds(), {}, {}, 0
local keys = {}
for offset = 1, #ARGV, 4 do keys[#keys + 1] = p .. 'task:' .. ARGV[offset] end
memo.all_new = redis.call('EXISTS', unpack(keys)) == 0
for offset = 0, #ARGV - 1, 4 do
  local a = read_submission(ARGV, offset)
  local answer, pool, reason, retry, label = submit_one(p, a, now, place)
  local id = a.id == ARGV[offset + 1] and '' or a.id
  if id == '' and last[2] == answer and last[3] == '' and last[4] == pool and last[5] == reason and last.retry == retry and last.type == a.type then
    last[1] = last[1] + 1
  else
    last = {1, answer, id, pool, reason, retry == 0 and '0' or string.format('%.3f', retry), retry = retry, type = a.type, label = label or 'none'}
    answers[#answers + 1] = last
  end
  place = place + 1
end
fill_idle(p, now)
for index, row in ipairs(answers) do
  if row.label ~= 'none' then row[5] = string.gsub(row[5], '%c', ' ') end -- what operators wrote
  answers[index] = table.concat(row, '\31')
  local is_news = row.label ~= 'resubmitted' and row[2] ~= 'drained'
  if is_news then metric_count(p, row[1], 'fleet_submissions_total', row.type, row[2], row.label) end
end
end_run(p)
local text = table.concat(answers, '\30')
return #outgoing == 0 and text or {text, unpack(outgoing)}
