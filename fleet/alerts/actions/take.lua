--[[ take.lua: write an action's effects and remember what stood there.

KEYS: 1 the cell's key prefix
ARGV: 1 JSON {id, name, why, by, at, until, summary, most_active, expiring_key, bundle, effects: [{key, field, value | null}]}
      2 text of the bundle or ''   3 seconds the bundle is kept
Returns {'taken' | 'known' | 'full', active ones of this name}. The same id is taken once. ]]
local prefix, action = KEYS[1], cjson.decode(ARGV[1])
local actions = prefix .. 'actions'
if redis.call('HEXISTS', actions, action.id) == 1 then return {'known', 0} end
local active = 0
for _, text in ipairs(redis.call('HVALS', actions)) do
  if string.sub(text, 1, 1) == '{' and cjson.decode(text).name == action.name then active = active + 1 end
end
if active >= action.most_active then return {'full', active} end
action.seq = redis.call('HINCRBY', actions, '#seq', 1)
for _, effect in ipairs(action.effects) do
  local key = prefix .. effect.key
  local before = redis.call('HGET', key, effect.field)
  effect.before = before or cjson.null
  if effect.value == cjson.null then redis.call('HDEL', key, effect.field) else redis.call('HSET', key, effect.field, effect.value) end
end
if action.expiring_key ~= '' then redis.call('EXPIREAT', prefix .. action.expiring_key, math.ceil(action['until'])) end
if ARGV[2] ~= '' then
  action.bundle = true
  redis.call('SET', prefix .. 'bundle:' .. action.id, ARGV[2], 'EX', ARGV[3])
end
redis.call('HSET', actions, action.id, cjson.encode(action))
redis.call('XADD', prefix .. 'action_history', 'MAXLEN', '~', 1000, '*', 'verb', 'taken', 'action', cjson.encode(action))
return {'taken', active + 1}
