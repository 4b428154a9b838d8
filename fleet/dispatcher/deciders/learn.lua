-- What do finished tasks teach about a pool?
-- Functions over plain numbers returning the new numbers; the caller stores them.

-- Moving average: a plain mean while young, then exponential with weight alpha.
local function moving_average(mean, count, sample, alpha)
  local weight = math.max(alpha, 1 / (count + 1))
  return mean + weight * (sample - mean), count + 1
end

-- Speed of a (pool, task type), or of a whole pool: service seconds per second of predicted size. -> speed, count
-- Once settled, one giant task counts as 5 ordinary ones at most: sizes have long tails, pools do not.
local function learn_speed(speed, count, service, size)
  local ratio = service / math.max(size, 0.001)
  if count >= 20 then ratio = math.min(ratio, 5 * speed) end
  return moving_average(speed, count, ratio, 0.02)
end

-- The speed to decide with: few observations lean on the prior (the pool's own speed), n0 = 20.
local function shrunk_speed(speed, count, prior)
  return (count * speed + 20 * prior) / (count + 20)
end

-- Share of attempts that succeed, never below 0.02. -> success
local function learn_success(success, ok)
  return math.max(0.02, success + 0.02 * ((ok and 1 or 0) - success))
end

-- Mean service seconds of a pool. -> service, count
local function learn_service(service, count, sample)
  return moving_average(service, count, sample, 0.02)
end

-- Seconds of a slot per second of predicted size, over all pools: sizes are relative to an average pool, and nobody holds
-- that average still, so what a tenant is charged has to be brought back to slots. worked, predicted: moving means of both.
-- -> worked, predicted
local function learn_pace(worked, predicted, service, size)
  return worked + 0.01 * (service - worked), predicted + 0.01 * (size - predicted)
end

-- Time on test: completions expected of the running tasks against those seen. Forgotten as evidence comes in (over
-- about 50 expected completions) and slowly with time (300 s), so that a pool left alone is not forgiven at once.
-- rate = sum over running tasks of 1 / (size * speed). Call before every change of rate. -> expected, done
local function settle_test(expected, done, rate, elapsed)
  local since = math.max(elapsed, 0)
  local gain = rate * since
  local faded = gain / 50 + since / 300
  if faded <= 0 then return expected, done end
  local kept = math.exp(-faded)
  return expected * kept + gain * (1 - kept) / faded, done * kept
end

-- How much slower than learned a pool is right now; grows at once when completions stop. 1 unless beyond chance:
-- completions are counted with a margin of 2 standard deviations and 4 more. was: the factor so far; a pool found slow
-- stays slow until what is measured says otherwise, for evidence that has only faded would send a full load to try it.
local function grey_factor(expected, done, was)
  local limit = (was or 1) > 1 and done + 0.1 or 1.2 * (done + 2 * math.sqrt(done) + 4)
  if expected <= limit then return 1 end
  return (expected + 2) / (done + 2)
end
