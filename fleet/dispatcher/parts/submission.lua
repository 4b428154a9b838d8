-- What is submitted? Four arguments a task: id, envelope, profile and rest. The profile is what many tasks have in common,
-- joined by \31; the rest is what few tasks have at all, as JSON, or nothing.
local PROFILE = {'type', 'tenant', 'priority', 'max_attempts', 'strategy', 'agent_type', 'goal', 'ignore_result',
  'complexity', 'key_seconds'}
local ABSENT = {delay = 0, estimate = 0, tokens = 0, retries = 0, model = '', key = '', ranking = '', why = '', attempt = '',
  waited_for = ''}

local function read_profile(text)
  local profile, index = {}, 0
  for value in string.gmatch(text .. '\31', '([^\31]*)\31') do
    index = index + 1
    profile[PROFILE[index]] = value
  end
  profile.priority, profile.goal = tonumber(profile.priority), tonumber(profile.goal) or 30
  return profile
end

-- -> {id, envelope, the fields of PROFILE and ABSENT, hint?, deadline?}
local function read_submission(args, offset)
  local text, rest = args[offset + 3], args[offset + 4]
  local a = {id = args[offset + 1], envelope = args[offset + 2]}
  for name, value in pairs(remembered('profile ' .. text, function() return read_profile(text) end)) do a[name] = value end
  for name, value in pairs(ABSENT) do a[name] = value end
  if rest ~= '' then
    for name, value in pairs(cjson.decode(rest)) do a[name] = value end
  end
  return a
end
