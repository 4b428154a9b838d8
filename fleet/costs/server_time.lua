-- What time is it? INCLUDE: server_time() -> milliseconds since the epoch by the server's clock.
local function server_time()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
