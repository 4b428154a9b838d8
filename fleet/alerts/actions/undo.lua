--[[ undo.lua: give back what stood there before an action, whether it ends early or its time is over.

KEYS: 1 the cell's key prefix   ARGV: 1 id   2 who ends it   3 now (unix seconds)   4 '1': its bundle goes too
Returns nothing when the action is not in force, else a JSON list of {key, field, result}: 'restored', 'handed on' (a later
action holds the field; it will give back what this one found), 'over' (the field is gone) or 'changed' (somebody else set it
since, so it is left alone). ]]
local prefix, id = KEYS[1], ARGV[1]
local actions = prefix .. 'actions'
local text = redis.call('HGET', actions, id)
if not text or id == '#seq' then return false end
local action, later = cjson.decode(text), {}
local all = redis.call('HGETALL', actions)
for i = 1, #all, 2 do
  if all[i] ~= '#seq' and all[i] ~= id then
    local other = cjson.decode(all[i + 1])
    if other.seq > action.seq then later[#later + 1] = other end
  end
end
table.sort(later, function(a, b) return a.seq < b.seq end)

local function hand_on(effect)
  for _, other in ipairs(later) do
    for _, theirs in ipairs(other.effects) do
      if theirs.key == effect.key and theirs.field == effect.field then
        theirs.before = effect.before
        redis.call('HSET', actions, other.id, cjson.encode(other))
        return true
      end
    end
  end
  return false
end

local results = {}
for _, effect in ipairs(action.effects) do
  local key, result = prefix .. effect.key, 'changed'
  local current = redis.call('HGET', key, effect.field)
  if hand_on(effect) then
    result = 'handed on'
  elseif (current or cjson.null) == effect.value then
    if effect.before == cjson.null then redis.call('HDEL', key, effect.field) else redis.call('HSET', key, effect.field, effect.before) end
    result = 'restored'
  elseif not current then
    result = 'over'
  end
  results[#results + 1] = {key = effect.key, field = effect.field, result = result}
end
if action.bundle == true and ARGV[4] == '1' then redis.call('DEL', prefix .. 'bundle:' .. id) end
redis.call('HDEL', actions, id)
action.ended_by, action.ended_at = ARGV[2], tonumber(ARGV[3])
redis.call('XADD', prefix .. 'action_history', 'MAXLEN', '~', 1000, '*', 'verb', 'undone', 'action', cjson.encode(action))
return #results > 0 and cjson.encode(results) or '[]'
