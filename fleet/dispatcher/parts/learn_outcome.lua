-- What does one ended attempt teach? learn_outcome(p, task, pool, ok, service, now); start_test when an attempt starts.
-- Updates speed and success per (pool, type), mean service, size of the type, outlier standing, time on test, and from
-- them the pool's cost factor for the type.
--@include dispatcher/deciders/attempt.lua
--@include dispatcher/deciders/cost.lua
--@include dispatcher/parts/pools.lua
--@include dispatcher/parts/standing.lua
--@include dispatcher/parts/knobs.lua
--@include dispatcher/parts/time.lua
--@include dispatcher/parts/run.lua
local SIZE_FIELDS = {'count', 'mean', 'x', 'y', 'xx', 'yy', 'xy', 'smear', 'error'}

local parsed = {} -- task type -> the text last read and what it says; nobody changes a state once it is made

local function fetch_size(p, task_type)
  local text, last = redis.call('GET', p .. 'size:' .. task_type) or '', parsed[task_type]
  if last and last.text == text then return last.state end
  local state, index = new_size(10), 0
  for number in string.gmatch(text, '%S+') do
    index = index + 1
    state[SIZE_FIELDS[index]] = tonumber(number)
  end
  parsed[task_type] = {text = text, state = state}
  return state
end

local function read_size(p, task_type) return remembered('size ' .. task_type, fetch_size, p, task_type) end

local function save_size(p, task_type, state)
  local text = string.format('%d %.8g %.8g %.8g %.8g %.8g %.8g %.8g %.8g', state.count, state.mean, state.x, state.y, state.xx, state.yy,
    state.xy, state.smear, state.error or 0) -- in the order of SIZE_FIELDS
  memo['size ' .. task_type], parsed[task_type] = state, {text = text, state = state}
  redis.call('SET', p .. 'size:' .. task_type, text)
end

-- Time on test: completions the running tasks should have brought against those seen. t: what is stored of it, in this
-- order; `change` of rate, completions. -> how much slower than learned the pool is, and what to store.
local TEST = {'test_expected', 'test_done', 'test_rate', 'test_at', 'test_grey'}

local function settled(t, change, completed, now)
  local rate = tonumber(t[3]) or 0
  local expected, done = settle_test(tonumber(t[1]) or 0, tonumber(t[2]) or 0, rate, math.max(0, now - (tonumber(t[4]) or now)))
  done = done + completed
  local grey = grey_factor(expected, done, tonumber(t[5]))
  return grey, {'test_expected', expected, 'test_done', done, 'test_rate', math.max(rate + change, 0), 'test_at', now, 'test_grey', grey}
end

local function test_pool(p, pool, change, completed, now)
  local key = p .. 'stats:' .. pool
  local grey, fields = settled(redis.call('HMGET', key, unpack(TEST)), change, completed, now)
  redis.call('HSET', key, unpack(fields))
  return grey
end

-- A pool of very short tasks, or one that ends many a second and has shown what it can do, teaches as much by every eighth;
-- which one is drawn before its outcome is known.
local MANY_A_SECOND, SETTLED = 20, 50

local function is_versed(p, pool)
  local record = record_of(p, shape(p), pool)
  if record.service < knob(p, 'hand_off') then return true end
  if record.slots < MANY_A_SECOND * record.service then return false end
  if not record.is_settled then record.is_settled = (tonumber(redis.call('HGET', p .. 'stats:' .. pool, 'speed_n')) or 0) >= SETTLED end
  return record.is_settled
end

-- What is known about a type on a pool, as attempt.lua wants it.
local function as_known(p, task_type, speed, count, pool_speed, pool_count, prior)
  return {speed = tonumber(speed) or 1, count = tonumber(count) or 0, pool_speed = tonumber(pool_speed) or tonumber(prior) or 1,
    pool_count = tonumber(pool_count) or 0, size = read_size(p, task_type)}
end

local function read_known(p, pool, task_type)
  return as_known(p, task_type, unpack(redis.call('HMGET', p .. 'stats:' .. pool, 'v:' .. task_type, 'n:' .. task_type, 'speed', 'speed_n', 'prior')))
end

-- USD per slot and hour.
local function price_of(p, pool) return tonumber(remembered('price ' .. pool, redis.call, 'HGET', p .. 'prices', pool)) or 0 end

-- A pool without a factor, such as the version of a rollout, gets no tasks of its own accord, whatever is learned of it.
local function save_factor(p, pool, task_type, known, grey, success)
  if not is_capable(p, pool, task_type) then return end
  success = success or tonumber(redis.call('HGET', p .. 'stats:' .. pool, 'q:' .. task_type)) or 1
  local speed = shrunk_speed(known.speed, known.count, known.pool_speed)
  local factor = cost_factor(speed, success, price_of(p, pool), knob(p, 'kappa'), grey)
  redis.call('HSET', p .. 'factors:' .. task_type, pool, factor)
  note_factor(p, pool, task_type, factor)
end

-- Does the outcome change whether the pool is in service?
local function judge_standing(p, task, pool, ok, now)
  local text = not is_calm(p) and redis.call('HGET', p .. 'ejected', pool)
  if ok and not text then return end
  local is_last = true
  for _, other in ipairs(redis.call('HKEYS', p .. 'factors:' .. task.type)) do
    local standing = other ~= pool and redis.call('HGET', p .. 'ejected', other)
    local is_serving = other ~= pool and (tonumber(redis.call('HGET', p .. 'slots', other)) or 0) > 0
    if is_serving and (not standing or standing_at(parse_standing(standing), now) ~= 'out') then is_last = false end
  end
  local after, event = standing_after(parse_standing(text), ok, now, task.probe == '1', is_last)
  save_standing(p, pool, after)
  if event == 'ejected' then metric_count(p, 1, 'fleet_ejections_total', pool) end
end

local function learn_outcome(p, task, pool, ok, service, now)
  local key, kind, rate = p .. 'stats:' .. pool, task.type, tonumber(task.rate) or 0
  local s = redis.call('HMGET', key, 'test_expected', 'test_done', 'test_rate', 'test_at', 'test_grey', 'q:' .. kind, 'service', 'service_n',
    'square', 'response', 'outcomes', 'v:' .. kind, 'n:' .. kind, 'speed', 'speed_n', 'prior')
  local known, seen, response = as_known(p, kind, unpack(s, 12, 16)), tonumber(s[8]) or 0, tonumber(s[10])
  local success, outcomes = learn_success(tonumber(s[6]) or 1, ok), string.sub((s[11] or '') .. (ok and '1' or '0'), -100)
  response = response and response + 0.1 * (service - response) or service
  if ok then known = learn_attempt(known, tonumber(task.hint), service) end
  local grey, tested = settled(s, -rate, rate > 0 and test_weight(known) or 0, now)
  if ok then
    local mean, count = learn_service(tonumber(s[7]) or service, seen, service)
    local square = learn_service(tonumber(s[9]) or service * service, seen, service * service)
    redis.call('HSET', key, 'q:' .. kind, success, 'outcomes', outcomes, 'response', response, 'service', mean, 'service_n', count,
      'square', square, 'v:' .. kind, known.speed, 'n:' .. kind, known.count, 'speed', known.pool_speed, 'speed_n', known.pool_count, unpack(tested))
    redis.call('HSET', p .. 'service', pool, mean)
    note_service(p, pool, mean)
    save_size(p, kind, known.size)
  else
    redis.call('HSET', key, 'q:' .. kind, success, 'outcomes', outcomes, 'response', response, unpack(tested))
  end
  save_factor(p, pool, kind, known, grey, success)
end
