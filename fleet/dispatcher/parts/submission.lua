-- What is submitted? Four arguments a task: id, envelope, profile (profile.lua) and rest: what few tasks have at all, as
-- JSON, or nothing. -> {id, envelope, profile, has_more, and by inheritance the profile's values}
--@include dispatcher/parts/profile.lua
local function read_submission(args, offset)
  local text, rest = args[offset + 3], args[offset + 4]
  local a = rest == '' and {} or cjson.decode(rest)
  a.id, a.envelope, a.profile, a.has_more = args[offset + 1], args[offset + 2], text, rest ~= ''
  return setmetatable(a, profile_of(text).reader)
end
