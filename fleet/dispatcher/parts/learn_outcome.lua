-- What does one ended attempt teach? learn_outcome(p, task, pool, ok, service, now); start_test when an attempt starts.
-- Updates speed and success per (pool, type), mean service, size of the type, outlier standing, time on test, and from
-- them the pool's cost factor for the type.
--@include dispatcher/deciders/learn.lua
--@include dispatcher/deciders/cost.lua
--@include dispatcher/deciders/predict.lua
--@include dispatcher/parts/standing.lua
--@include dispatcher/parts/knobs.lua
--@include dispatcher/parts/time.lua
--@include telemetry/metrics.lua
local SIZE_FIELDS = {'count', 'mean', 'x', 'y', 'xx', 'yy', 'xy', 'smear'}

local function read_size(p, task_type)
  local text, state, index = redis.call('GET', p .. 'size:' .. task_type), {}, 0
  if not text then return new_size(10) end
  for number in string.gmatch(text, '%S+') do
    index = index + 1
    state[SIZE_FIELDS[index]] = tonumber(number)
  end
  return state
end

local function save_size(p, task_type, state)
  local numbers = {}
  for index, name in ipairs(SIZE_FIELDS) do numbers[index] = string.format('%.8g', state[name]) end
  redis.call('SET', p .. 'size:' .. task_type, table.concat(numbers, ' '))
end

local function number_text(value) return string.format('%.8g', value) end

-- Time on test: completions the running tasks should have brought against those seen. `change` of rate, completions.
local function test_pool(p, pool, change, completed, now)
  local key = p .. 'stats:' .. pool
  local t = redis.call('HMGET', key, 'test_expected', 'test_done', 'test_rate', 'test_at')
  local rate = tonumber(t[3]) or 0
  local expected, done = settle_test(tonumber(t[1]) or 0, tonumber(t[2]) or 0, rate, now - (tonumber(t[4]) or now))
  done = done + completed
  redis.call('HSET', key, 'test_expected', number_text(expected), 'test_done', number_text(done),
    'test_rate', number_text(math.max(rate + change, 0)), 'test_at', stamp(now))
  return grey_factor(expected, done)
end

local function save_factor(p, pool, task_type, grey)
  local s = redis.call('HMGET', p .. 'stats:' .. pool, 'v:' .. task_type, 'n:' .. task_type, 'q:' .. task_type, 'prior')
  local price, kappa = tonumber(redis.call('HGET', p .. 'prices', pool)) or 0, knobs(p, 'kappa')
  local speed = shrunk_speed(tonumber(s[1]) or 1, tonumber(s[2]) or 0, tonumber(s[4]) or 1)
  redis.call('HSET', p .. 'factors:' .. task_type, pool,
    number_text(cost_factor(speed, tonumber(s[3]) or 1, price, kappa, grey)))
end

local function learn_outcome(p, task, pool, ok, service, now)
  local key, kind = p .. 'stats:' .. pool, task.type
  local s = redis.call('HMGET', key, 'v:' .. kind, 'n:' .. kind, 'q:' .. kind, 'service', 'service_n', 'square',
    'response', 'outcomes')
  local success = learn_success(tonumber(s[3]) or 1, ok)
  local fields = {'q:' .. kind, number_text(success), 'outcomes', string.sub((s[8] or '') .. (ok and '1' or '0'), -100)}
  local response = tonumber(s[7])
  response = response and response + 0.1 * (service - response) or service
  fields[#fields + 1] = 'response'
  fields[#fields + 1] = number_text(response)
  if ok then
    local speed, n = learn_speed(tonumber(s[1]) or 1, tonumber(s[2]) or 0, service, task.size)
    local mean, seen = learn_service(tonumber(s[4]) or service, tonumber(s[5]) or 0, service)
    local square = (learn_service(tonumber(s[6]) or service * service, tonumber(s[5]) or 0, service * service))
    for _, field in ipairs({'v:' .. kind, number_text(speed), 'n:' .. kind, n, 'service', number_text(mean),
      'service_n', seen, 'square', number_text(square)}) do fields[#fields + 1] = field end
    redis.call('HSET', p .. 'service', pool, number_text(mean))
    save_size(p, kind, learn_size(read_size(p, kind), tonumber(task.hint), service / math.max(speed, 0.001)))
  end
  redis.call('HSET', key, unpack(fields))
  local capable, is_last = redis.call('HKEYS', p .. 'factors:' .. kind), true
  local text = redis.call('HGET', p .. 'ejected', pool)
  if not ok or text then
    for _, other in ipairs(capable) do
      local standing = other ~= pool and redis.call('HGET', p .. 'ejected', other)
      local is_serving = other ~= pool and (tonumber(redis.call('HGET', p .. 'slots', other)) or 0) > 0
      if is_serving and (not standing or standing_at(parse_standing(standing), now) ~= 'out') then is_last = false end
    end
    local after, event = standing_after(parse_standing(text), ok, now, task.probe == '1', is_last)
    save_standing(p, pool, after)
    if event == 'ejected' then metric_count(p, 1, 'fleet_ejections_total', pool) end
  end
  save_factor(p, pool, kind, test_pool(p, pool, -(tonumber(task.rate) or 0), 1, now))
end
