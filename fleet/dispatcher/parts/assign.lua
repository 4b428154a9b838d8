-- Does this new task belong to the version that is rolled out? assign(p, id, task_type, contract, now) -> its pool, or nil.
-- A hash of the id against the share, so that the same id always falls on the same side. A version without workers,
-- ejected for failing, or that would not understand it gets none; its pool has no factor, so no other task can reach it.
--@include dispatcher/parts/contracts.lua
--@include dispatcher/parts/pools.lua
--@include dispatcher/parts/run.lua
local function falls_below(id, share)
  local hash = 5381
  for index = 1, #id do hash = (hash * 33 + string.byte(id, index)) % 4294967296 end
  return math.floor(hash / 16) % 1000 < share * 10
end

local function assign(p, id, task_type, contract, now)
  if is_calm(p) then return nil end
  for _, text in ipairs(remembered('rollouts', redis.call, 'HVALS', p .. 'rollouts')) do
    local rollout = cjson.decode(text)
    if rollout.share > 0 and falls_below(id, rollout.share) then
      for _, name in ipairs(rollout.task_types) do
        if name == task_type then
          local pools = gather_pools(p, {rollout.pool .. '@' .. rollout.version}, now)
          if pools[1].slots > 0 and not pools[1].out and understands(p, pools[1].name, task_type, contract) then return pools[1] end
        end
      end
    end
  end
end
