-- What time is it, by the server's clock? server_seconds() -> seconds; stamp(seconds) -> text with microseconds.
-- A number that is only stored goes to redis.call as it is: the server writes it as short as it can, and sooner.
-- this_second() -> the whole seconds of this run, as text.
local second

local function server_seconds()
  local time = redis.call('TIME')
  second = time[1]
  return second + time[2] / 1e6
end

local function this_second()
  if not second then server_seconds() end
  return second
end

local function stamp(seconds) return string.format('%.6f', seconds) end
