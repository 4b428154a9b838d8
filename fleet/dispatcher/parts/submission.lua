-- What is submitted? Four arguments a task: id, envelope, profile (profile.lua) and rest: what few tasks have at all, as
-- JSON, or nothing. -> a new task {id, envelope, profile, has_more, is_new, and by inheritance the profile's values}
--@include dispatcher/parts/profile.lua
local function read_submission(args, offset)
  local profile, rest = profile_of(args[offset + 3]), args[offset + 4]
  local a = rest == '' and {} or cjson.decode(rest)
  a.id, a.envelope, a.profile, a.has_more, a.is_new = args[offset + 1], args[offset + 2], profile, rest ~= '', true
  return setmetatable(a, profile.reader)
end
