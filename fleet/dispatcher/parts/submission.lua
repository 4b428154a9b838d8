-- What is submitted? Four arguments a task: id, envelope, profile (profile.lua) and rest: what few tasks have at all, as
-- JSON, or nothing. -> a new task {id, envelope, profile, has_more, is_new, and by inheritance the profile's values}
--@include dispatcher/parts/profile.lua
-- What a submission that does not mention it has.
local ABSENT = {delay = 0, estimate = 0, tokens = 0, retries = 0, model = '', key = '', ranking = '', why = '', attempt = '', waited_for = ''}

-- A profile from which submissions inherit. (Only where there are any: whoever ends tasks keeps profiles as small as they are.)
local function inheritable(profile)
  for name, value in pairs(ABSENT) do
    if profile[name] == nil then profile[name] = value end
  end
  profile.reader = {__index = profile}
  return profile.reader
end

local function read_submission(args, offset)
  local profile, rest = profile_of(args[offset + 3]), args[offset + 4]
  local a = rest == '' and {} or cjson.decode(rest)
  a.id, a.envelope, a.profile, a.has_more, a.is_new = args[offset + 1], args[offset + 2], profile, rest ~= '', true
  return setmetatable(a, profile.reader or inheritable(profile))
end
