-- What time is it, by the server's clock? server_seconds() -> seconds; stamp(seconds) -> text with microseconds.
local function server_seconds()
  local time = redis.call('TIME')
  return time[1] + time[2] / 1e6
end

local function stamp(seconds) return string.format('%.6f', seconds) end
