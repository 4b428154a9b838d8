--[[ claim.lua: take the head of one lane whose time has come, for a while.

KEYS: 1 the cell's key prefix   ARGV: 1 token of the deliverer   2 lease in ms
Returns {lane, entry, attempts so far} or nothing. One lane has one deliverer and its entries leave in order; when the
deliverer dies the lane becomes due again after the lease, with the same entry. ]]
local prefix = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'outbox', '-inf', now, 'LIMIT', 0, 100)) do
  local entry = redis.call('LINDEX', prefix .. 'outbox:' .. lane, 0)
  if entry then
    local lease = cjson.decode(redis.call('HGET', prefix .. 'outbox_leases', lane) or '{"attempts":0}')
    local attempts = lease.attempts
    lease.token, lease.attempts = ARGV[1], attempts + 1
    redis.call('HSET', prefix .. 'outbox_leases', lane, cjson.encode(lease))
    redis.call('ZADD', prefix .. 'outbox', now + tonumber(ARGV[2]), lane)
    return {lane, entry, attempts}
  end
  redis.call('ZREM', prefix .. 'outbox', lane)
end
return nil
