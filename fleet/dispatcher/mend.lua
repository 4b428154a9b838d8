--[[ mend.lua: do the counters agree with the records they count? Atomic: nothing moves while it looks.
KEYS: 1 the cell's key prefix   ARGV: -
Returns: flat list of (kind, name, counted, real) for every counter that was wrong and is right now. ]]
--@flags allow-oom
--@include dispatcher/parts/time.lua
--@include registry/parts/serving.lua
local p, wrong = KEYS[1], {}
local slots, inflight, contracts = {}, {}, {}
local function note(kind, name, counted, real)
  for _, value in ipairs({kind, name, tostring(counted), tostring(real)}) do wrong[#wrong + 1] = value end
  redis.call('XADD', p .. 'repairs', 'MAXLEN', '~', 1000, '*', 'kind', kind, 'name', name, 'counted', tostring(counted), 'real', tostring(real))
end
local function book(id)
  local t = redis.call('HMGET', p .. 'task:' .. id, 'state', 'pool')
  if t[1] == 'released' or t[1] == 'running' then
    inflight[t[2]] = (inflight[t[2]] or 0) + 1
    return true
  end
  return false
end
for _, worker in ipairs(redis.call('ZRANGE', p .. 'workers', 0, -1)) do
  local w = redis.call('HMGET', p .. 'worker:' .. worker, 'pool', 'slots', 'status', 'contracts')
  if w[1] and (w[3] == 'idle' or w[3] == 'busy') then
    slots[w[1]] = (slots[w[1]] or 0) + tonumber(w[2])
    for word in string.gmatch(w[4] and w[4] ~= '' and w[4] or '*', '%S+') do
      local field = w[1] .. ' ' .. word
      contracts[field] = (contracts[field] or 0) + tonumber(w[2])
    end
  end
  for _, id in ipairs(redis.call('SMEMBERS', p .. 'running:' .. worker)) do
    if not book(id) then
      redis.call('SREM', p .. 'running:' .. worker, id)
      note('leaked_running', id, 1, 0)
    end
  end
end
for _, id in ipairs(redis.call('ZRANGE', p .. 'released', 0, -1)) do
  if not book(id) then redis.call('ZREM', p .. 'released', id) end
end
local held = 0
for _, lane in ipairs(redis.call('SMEMBERS', p .. 'lanes')) do held = held + redis.call('ZCARD', p .. 'held:' .. lane) end
inflight['#held'] = held
local function compare(key, real, kind)
  local flat = redis.call('HGETALL', p .. key)
  for i = 1, #flat, 2 do
    local counted, true_value = tonumber(flat[i + 1]), real[flat[i]] or 0
    if counted ~= true_value then
      redis.call('HSET', p .. key, flat[i], true_value)
      note(kind, flat[i], counted, true_value)
    end
    real[flat[i]] = nil
  end
  for name, value in pairs(real) do
    if value ~= 0 then
      redis.call('HSET', p .. key, name, value)
      note(kind, name, 0, value)
    end
  end
end
compare('slots', slots, 'slots')
compare('contracts', contracts, 'contracts')
if #wrong > 0 then mark_serving(p) end
compare('inflight', inflight, 'inflight')
return wrong
