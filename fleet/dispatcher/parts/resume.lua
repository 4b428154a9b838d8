-- The store was away, or its clock was set: resume_after_absence(p, last, now, lease), `last` being when somebody ticked.
-- While nobody ticked, nobody could beat either: that time is no silence, or the first who comes back would declare every
-- other worker dead. After a step back, what lies in the future would count as fresh until then: it counts from now.
local function resume_after_absence(p, last, now, lease)
  local away = last > 0 and now - last or 0
  if away >= 0 and away <= lease / 2 then return end
  for _, roll in ipairs({'workers', 'released'}) do
    local rows = redis.call('ZRANGE', p .. roll, 0, -1, 'WITHSCORES')
    for i = 1, #rows, 2 do
      local dead = roll == 'workers' and redis.call('HGET', p .. 'worker:' .. rows[i], 'status') == 'failed'
      if not dead then redis.call('ZADD', p .. roll, stamp(math.min(now, tonumber(rows[i + 1]) + math.max(away, 0))), rows[i]) end
    end
  end
end
