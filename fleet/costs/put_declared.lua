--[[ put_declared.lua: put declared controls in force. What an operator set stays; so does what an action lowered for a time,
which gives back the declared value when it ends.
KEYS: 1 the cell's key prefix   ARGV: 1 JSON list of {hash, field, text | null, marker}   Returns: number of values written ]]
local p, rows, held, written = KEYS[1], cjson.decode(ARGV[1]), {}, 0
-- The first action that holds a field remembers what stood there before all of them.
for _, text in ipairs(redis.call('HVALS', p .. 'actions')) do
  if string.sub(text, 1, 1) == '{' then
    local action = cjson.decode(text)
    for _, effect in ipairs(action.effects) do
      local name = effect.key .. '\n' .. effect.field
      if not held[name] or action.seq < held[name].action.seq then held[name] = {action = action, effect = effect} end
    end
  end
end
local changed = {}
for _, row in ipairs(rows) do
  local hash, field, text, marker = unpack(row)
  if redis.call('HEXISTS', p .. 'controls', marker) == 0 then
    local holder = held[hash .. '\n' .. field]
    if holder then
      if holder.effect.before ~= text then
        holder.effect.before = text
        changed[holder.action.id] = holder.action
      end
    elseif text == cjson.null then
      written = written + redis.call('HDEL', p .. hash, field)
    else
      redis.call('HSET', p .. hash, field, text)
      written = written + 1
    end
  end
end
for id, action in pairs(changed) do redis.call('HSET', p .. 'actions', id, cjson.encode(action)) end
redis.call('HINCRBY', p .. 'controls', 'version', 1)
return written
