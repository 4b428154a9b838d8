-- Which pools understand a task? A lane is a task type, from its second contract on type#contract, or @pool when bound.
-- A pool's queue is shared by its workers, so all of its ready slots must understand the contract: while old and new
-- workers stand side by side, what only the new ones understand waits, or goes to another pool.
--@include dispatcher/parts/run.lua
local function lane_for(task_type, contract)
  if not contract or contract == '' or contract == '1' then return task_type end
  return task_type .. '#' .. contract
end

-- -> task type, contract ('1' unless the lane names another)
local function read_lane(lane)
  local task_type, contract = string.match(lane, '^(.-)#(.+)$')
  return task_type or lane, contract or '1'
end

-- Take out of a row of factors the pools that would have to guess: fitting(p, lane, row, pools) -> row.
local function fitting(p, lane, row, pools)
  local task_type, contract = read_lane(lane)
  local able, fields, kept = {}, {}, {}
  for _, pool in ipairs(pools) do
    if row[pool.name] then
      able[#able + 1] = pool
      fields[#fields + 1] = pool.name .. ' ' .. task_type .. '#' .. contract
      fields[#fields + 1] = pool.name .. ' *'
    end
  end
  if #able == 0 then return kept end
  local counts = redis.call('HMGET', p .. 'contracts', unpack(fields))
  for index, pool in ipairs(able) do
    local understand = (tonumber(counts[2 * index - 1]) or 0) + (contract == '1' and tonumber(counts[2 * index]) or 0)
    if understand >= pool.slots then kept[pool.name] = row[pool.name] end
  end
  return kept
end

local function understands(p, pool, task_type, contract)
  return fitting(p, lane_for(task_type, contract), {[pool.name] = 1}, {pool})[pool.name] ~= nil
end
