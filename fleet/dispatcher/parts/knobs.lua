-- Which knobs apply? Settings published to the hash `knobs`, so that a change acts at once and everywhere.
-- knobs(p, name ...) -> numbers, with the package's defaults for a cell nobody published yet.
local KNOB_DEFAULTS = {hold = 2, kappa = 0.5, hand_off = 0.05, retry_budget = 0.2, result_seconds = 86400, history = 100000,
  lease = 6, release = 5, remove = 60, losses = 3, wait_goal = 30}

local function knobs(p, ...)
  local names, values = {...}, redis.call('HMGET', p .. 'knobs', ...)
  for index, name in ipairs(names) do values[index] = tonumber(values[index]) or KNOB_DEFAULTS[name] end
  return unpack(values)
end
