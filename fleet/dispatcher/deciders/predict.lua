-- How large is a task, in seconds of service on an average pool, before it has run?
-- state, numbers only: {count, mean (size), x, y (mean logarithms of hint and size), xx, yy, xy (their spread), smear,
-- error (mean square of size over prediction: 1 when predictions are perfect)}.
-- Without a hint: the type's mean. With one (tokens, files, complexity ...): size ~ hint^slope. The slope keeps the
-- spread of real sizes (reduced major axis) rather than least squares, which would call every large task middling and
-- put it on a slow pool; it fades out when hint and size hardly correlate. smear keeps predictions right on average.

local function new_size(mean)
  return {count = 0, mean = mean, x = 0, y = 0, xx = 0, yy = 0, xy = 0, smear = 1, error = 2}
end

-- Size relative to the type's mean before calibration.
local function relative_size(state, hint)
  if not hint or hint <= 0 or state.count < 1 then return 1 end
  local correlation = state.xy / math.sqrt(state.xx * state.yy + 1e-9)
  local slope = math.sqrt(state.yy / (state.xx + 1e-9)) * math.max(0, math.min(2 * correlation, 1))
  slope = math.min(slope, 1.5) * state.count / (state.count + 20)
  return math.exp(slope * math.max(-4, math.min(math.log(hint) - state.x, 4)))
end

local function predict_size(state, hint)
  if not hint or hint <= 0 then return math.max(0.001, state.mean) end
  return math.max(0.001, state.mean * relative_size(state, hint) * state.smear)
end

-- State after a finished task of this size (its service seconds divided by the pool's speed for the type).
local function learn_size(state, hint, size)
  size = math.max(size, 0.001)
  local count = state.count + 1
  local weight = math.max(0.02, 1 / count)
  local after = {count = count, mean = state.mean + weight * (size - state.mean),
                 x = state.x, y = state.y, xx = state.xx, yy = state.yy, xy = state.xy, smear = state.smear, error = 1}
  local miss = math.min(size / predict_size(state, hint), 10)
  local error = state.error or 2
  after.error = math.max(1, error + 0.02 * (miss * miss - error))
  if not hint or hint <= 0 then return after end
  local slow = math.max(0.005, 1 / count)
  local dx, dy = math.log(hint) - state.x, math.log(size) - state.y
  after.x, after.y = state.x + slow * dx, state.y + slow * dy
  after.xx = (1 - slow) * (state.xx + slow * dx * dx)
  after.yy = (1 - slow) * (state.yy + slow * dy * dy)
  after.xy = (1 - slow) * (state.xy + slow * dx * dy)
  local guess = math.max(0.001, after.mean * relative_size(state, hint))
  after.smear = math.max(0.1, state.smear + math.max(0.02, 1 / (count + 20)) * (size / guess - state.smear))
  return after
end
