--[[ save.lua: keep what one look at the fleet changed - incidents, history, outbox, samples - all or nothing.

KEYS: 1 the cell's key prefix
ARGV: 1 the version of `incidents` the change was computed from   2 JSON:
      {changed: {key: text | false}, history: [text], outbox: [{lane, text}], moment: text, moments: n, coarse: text, coarses: n}
Returns 1, or 0 when somebody saved in between: nothing is written and the caller looks again. Because the state and the
outbox change together, two evaluators cannot both announce a transition. ]]
local prefix, change = KEYS[1], cjson.decode(ARGV[2])
local incidents = prefix .. 'incidents'
if (redis.call('HGET', incidents, '#version') or '0') ~= ARGV[1] then return 0 end
redis.call('HINCRBY', incidents, '#version', 1)
for key, text in pairs(change.changed) do
  if text then redis.call('HSET', incidents, key, text) else redis.call('HDEL', incidents, key) end
end
for _, text in ipairs(change.history) do
  redis.call('XADD', prefix .. 'incident_history', 'MAXLEN', '~', 10000, '*', 'transition', text)
end
if #change.outbox > 0 then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for _, entry in ipairs(change.outbox) do
    redis.call('RPUSH', prefix .. 'outbox:' .. entry[1], entry[2])
    redis.call('ZADD', prefix .. 'outbox', 'NX', now, entry[1])
  end
end
for name, ring in pairs({signals = {change.moment, change.moments}, signals_coarse = {change.coarse, change.coarses}}) do
  if ring[1] and ring[1] ~= '' then
    redis.call('LPUSH', prefix .. name, ring[1])
    redis.call('LTRIM', prefix .. name, 0, ring[2] - 1)
  end
end
return 1
