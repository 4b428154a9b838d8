-- Which knobs apply? Settings published to the hash `knobs`; whoever publishes says so (`serving`), so that a change acts
-- at once and everywhere though they are not read again until then.
-- knob(p, name) -> a number, with the package's default for a cell nobody published yet.
--@include dispatcher/parts/contracts.lua
local KNOB_DEFAULTS = {hold = 2, kappa = 0.5, hand_off = 0.05, retry_budget = 0.2, result_seconds = 86400, history = 100000,
  lease = 6, release = 5, remove = 60, losses = 3, wait_goal = 30}

local USUAL = {'hold', 'hand_off', 'result_seconds', 'history', 'kappa'}

local function read_usual(p)
  local known, values = {}, redis.call('HMGET', p .. 'knobs', unpack(USUAL))
  for index, name in ipairs(USUAL) do known[name] = tonumber(values[index]) end
  return known
end

local function knob(p, name)
  local shaped = shape(p)
  local known = shaped.knobs or read_usual(p)
  shaped.knobs = known
  local value = known[name]
  if not value then
    value = tonumber(redis.call('HGET', p .. 'knobs', name)) or KNOB_DEFAULTS[name]
    known[name] = value
  end
  return value
end
