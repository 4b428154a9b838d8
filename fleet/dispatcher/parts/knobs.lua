-- Which knobs apply? Settings published to the hash `knobs`, so that a change acts at once and everywhere.
-- knobs(p, name ...) -> numbers, with the package's defaults for a cell nobody published yet.
--@include dispatcher/parts/run.lua
local KNOB_DEFAULTS = {hold = 2, kappa = 0.5, hand_off = 0.05, retry_budget = 0.2, result_seconds = 86400, history = 100000,
  lease = 6, release = 5, remove = 60, losses = 3, wait_goal = 30}

local function knobs(p, ...)
  local names, values = {...}, {}
  local all = remembered('knobs', function()
    local flat, known = redis.call('HGETALL', p .. 'knobs'), {}
    for i = 1, #flat, 2 do known[flat[i]] = tonumber(flat[i + 1]) end
    return known
  end)
  for index, name in ipairs(names) do values[index] = all[name] or KNOB_DEFAULTS[name] end
  return unpack(values)
end
