-- What do many tasks have in common? A profile: values joined by \31 in the order of PROFILE (profile.py), kept as one
-- field of each record. profile_of(text) -> a table of them; what a text says never changes, so it may stay between runs.
local PROFILE = {'type', 'tenant', 'priority', 'max_attempts', 'strategy', 'agent_type', 'goal', 'ignore_result',
  'complexity', 'key_seconds', 'contract'}
local PROFILES_AT_MOST = 2000
local profiles, profile_count = {}, 0

local function profile_of(text)
  local profile, index = profiles[text], 0
  if profile then return profile end
  if profile_count >= PROFILES_AT_MOST then profiles, profile_count = {}, 0 end
  profile = {text = text, contract = '1'}
  for value in string.gmatch(text .. '\31', '([^\31]*)\31') do
    index = index + 1
    profile[PROFILE[index]] = value
  end
  profile.priority, profile.goal = tonumber(profile.priority) or 5, tonumber(profile.goal) or 30
  profiles[text], profile_count = profile, profile_count + 1
  return profile
end
