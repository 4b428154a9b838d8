-- What does one successful attempt teach, all together?
--@include dispatcher/deciders/learn.lua
--@include dispatcher/deciders/predict.lua
-- known: {speed, count} of the (pool, task type), {pool_speed, pool_count} of the pool, size = state of predict.lua.
-- -> the same, one attempt wiser. Failures teach nothing here: a pool that fails in no time is not a fast pool.

-- Speed is measured against what is predicted now, and only once the type's size is more than a guess; size is service
-- made comparable over pools by their speed.
local function learn_attempt(known, hint, seconds)
  local speed, count, pool_speed, pool_count = known.speed, known.count, known.pool_speed, known.pool_count
  local expected, believed = predict_size(known.size, hint), shrunk_speed(speed, count, pool_speed)
  if known.size.count >= 5 then
    speed, count = learn_speed(speed, count, seconds, expected)
    pool_speed, pool_count = learn_speed(pool_speed, pool_count, seconds, expected)
  end
  return {speed = speed, count = count, pool_speed = pool_speed, pool_count = pool_count,
          size = learn_size(known.size, hint, seconds / believed)}
end

-- What one completion counts in time on test: less, the worse its type's sizes are predicted. A guess tests nobody.
local function test_weight(known)
  return known.size.count < 20 and 0 or 1 / math.sqrt(known.size.error or 2)
end

-- Completions expected per second, so weighted, of a task of this predicted size that starts now.
local function test_rate(known, size)
  local speed = shrunk_speed(known.speed, known.count, known.pool_speed)
  return test_weight(known) / (math.max(size, 0.001) * speed)
end
