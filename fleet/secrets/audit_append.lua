-- Append one audit entry if nobody appended since its writer looked.
-- KEYS: prefix
-- ARGV: previous hash, seq, hash, entry as JSON
-- Returns {1} when it stands in the stream (also when this very entry already did), else {0, seq, hash} of the head.
local stream, ends = KEYS[1] .. 'audit', KEYS[1] .. 'audit_head'
local head = redis.call('HMGET', ends, 'seq', 'hash')
local seq, last = head[1] or '0', head[2] or string.rep('0', 64)
if last ~= ARGV[1] then
  local there = redis.call('XRANGE', stream, ARGV[2] .. '-0', ARGV[2] .. '-0')
  if there[1] and there[1][2][4] == ARGV[3] then return {1} end
  return {0, seq, last}
end
redis.call('XADD', stream, ARGV[2] .. '-0', 'entry', ARGV[4], 'hash', ARGV[3])
redis.call('HSET', ends, 'seq', ARGV[2], 'hash', ARGV[3])
return {1}
