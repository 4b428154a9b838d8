-- The store was away, or its clock was set: resume_after_absence(p, last, now, lease), `last` being when somebody ticked.
-- If nobody ticked for a whole lease, nobody could beat either: silence counts from now, or every worker would be declared
-- dead by the first who comes back. After a step back, what lies in the future would count as fresh until then.
local function resume_after_absence(p, last, now, lease)
  local from, to
  if last > 0 and now - last > lease then
    from, to = '-inf', stamp(now - lease)
  elseif now < last then
    from, to = stamp(now), '+inf'
  else
    return
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'released', from, to)) do redis.call('ZADD', p .. 'released', stamp(now), id) end
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', p .. 'workers', from, to)) do
    if redis.call('HGET', p .. 'worker:' .. worker, 'status') ~= 'failed' then redis.call('ZADD', p .. 'workers', stamp(now), worker) end
  end
end
