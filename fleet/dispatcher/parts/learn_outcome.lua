-- What does one ended attempt teach? learn_outcome(p, task, pool, ok, service, now); start_test when an attempt starts.
-- Updates speed and success per (pool, type), mean service, size of the type, outlier standing, time on test, and from
-- them the pool's cost factor for the type.
--@include dispatcher/deciders/attempt.lua
--@include dispatcher/deciders/cost.lua
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
  local numbers = {}
  for index, name in ipairs(SIZE_FIELDS) do numbers[index] = string.format('%.8g', state[name] or 0) end
  local text = table.concat(numbers, ' ')
  memo['size ' .. task_type], parsed[task_type] = state, {text = text, state = state}
  redis.call('SET', p .. 'size:' .. task_type, text)
end

local function number_text(value) return string.format('%.8g', value) end

local function put(fields, name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = type(value) == 'number' and number_text(value) or value
end

-- Time on test: completions the running tasks should have brought against those seen. t: what is stored of it, in this
-- order; `change` of rate, completions. -> how much slower than learned the pool is; `fields` gets what to store.
local TEST = {'test_expected', 'test_done', 'test_rate', 'test_at', 'test_grey'}

local function settled(t, change, completed, now, fields)
  local rate = tonumber(t[3]) or 0
  local expected, done = settle_test(tonumber(t[1]) or 0, tonumber(t[2]) or 0, rate, math.max(0, now - (tonumber(t[4]) or now)))
  done = done + completed
  local grey = grey_factor(expected, done, tonumber(t[5]))
  for index, value in ipairs({expected, done, math.max(rate + change, 0), stamp(now), grey}) do put(fields, TEST[index], value) end
  return grey
end

local function test_pool(p, pool, change, completed, now)
  local key, fields = p .. 'stats:' .. pool, {}
  local grey = settled(redis.call('HMGET', key, unpack(TEST)), change, completed, now, fields)
  redis.call('HSET', key, unpack(fields))
  return grey
end

-- What is known about a type on a pool, as attempt.lua wants it.
local function as_known(p, task_type, speed, count, pool_speed, pool_count, prior)
  return {speed = tonumber(speed) or 1, count = tonumber(count) or 0, pool_speed = tonumber(pool_speed) or tonumber(prior) or 1,
    pool_count = tonumber(pool_count) or 0, size = read_size(p, task_type)}
end

local function read_known(p, pool, task_type)
  return as_known(p, task_type, unpack(redis.call('HMGET', p .. 'stats:' .. pool, 'v:' .. task_type, 'n:' .. task_type, 'speed', 'speed_n', 'prior')))
end

-- A pool without a factor, such as the version of a rollout, gets no tasks of its own accord, whatever is learned of it.
local function save_factor(p, pool, task_type, known, grey, success)
  if redis.call('HEXISTS', p .. 'factors:' .. task_type, pool) == 0 then return end
  success = success or tonumber(redis.call('HGET', p .. 'stats:' .. pool, 'q:' .. task_type)) or 1
  local price, speed = tonumber(redis.call('HGET', p .. 'prices', pool)) or 0, shrunk_speed(known.speed, known.count, known.pool_speed)
  redis.call('HSET', p .. 'factors:' .. task_type, pool, number_text(cost_factor(speed, success, price, knob(p, 'kappa'), grey)))
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
  local key, kind, fields = p .. 'stats:' .. pool, task.type, {}
  local s = redis.call('HMGET', key, 'test_expected', 'test_done', 'test_rate', 'test_at', 'test_grey', 'q:' .. kind, 'service', 'service_n',
    'square', 'response', 'outcomes', 'v:' .. kind, 'n:' .. kind, 'speed', 'speed_n', 'prior')
  local success, response = learn_success(tonumber(s[6]) or 1, ok), tonumber(s[10])
  put(fields, 'q:' .. kind, success)
  put(fields, 'outcomes', string.sub((s[11] or '') .. (ok and '1' or '0'), -100))
  put(fields, 'response', response and response + 0.1 * (service - response) or service)
  local known = as_known(p, kind, unpack(s, 12, 16))
  if ok then
    local seen = tonumber(s[8]) or 0
    local mean, count = learn_service(tonumber(s[7]) or service, seen, service)
    put(fields, 'service', mean)
    put(fields, 'service_n', count)
    put(fields, 'square', (learn_service(tonumber(s[9]) or service * service, seen, service * service)))
    known = learn_attempt(known, tonumber(task.hint), service)
    put(fields, 'v:' .. kind, known.speed)
    put(fields, 'n:' .. kind, known.count)
    put(fields, 'speed', known.pool_speed)
    put(fields, 'speed_n', known.pool_count)
    redis.call('HSET', p .. 'service', pool, number_text(mean))
    save_size(p, kind, known.size)
  end
  judge_standing(p, task, pool, ok, now)
  local rate = tonumber(task.rate) or 0
  local grey = settled(s, -rate, rate > 0 and test_weight(known) or 0, now, fields)
  redis.call('HSET', key, unpack(fields))
  save_factor(p, pool, kind, known, grey, success)
end
