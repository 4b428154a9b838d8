-- Is a pool sick enough to be left alone for a while?
-- state, numbers only: {failures (in a row), success (moving share), seen, ejections, out_until (0: in service),
-- back_at (last readmission), probing (1: the probe is running)}; times in seconds.
-- Out after 5 failures in a row, or success < 0.5 over 20 outcomes: 30 s x ejections so far, at most 300 s. Then one
-- probe task: success puts the pool back in, failure ejects it again. 300 quiet seconds forget earlier ejections.

local function healthy_standing()
  return {failures = 0, success = 1, seen = 0, ejections = 0, out_until = 0, back_at = 0, probing = 0}
end

-- "in": any task; "probe": exactly one task may go (mark it probing); "out": none.
local function standing_at(state, now)
  if state.out_until == 0 then return 'in' end
  if now < state.out_until or state.probing == 1 then return 'out' end
  return 'probe'
end

local function ejected(state, now)
  local is_relapse = state.out_until > 0 or now - state.back_at <= 300
  local count = (is_relapse and state.ejections or 0) + 1
  return {failures = 0, success = 1, seen = 0, ejections = count, back_at = state.back_at, probing = 0,
          out_until = now + math.min(30 * count, 300)}
end

-- The standing after one outcome. was_probe: this task was the probe; is_last: no other capable pool is in service.
-- -> new state, event ("ejected", "readmitted" or nil)
local function standing_after(state, ok, now, was_probe, is_last)
  if state.out_until > 0 then
    if not was_probe then return state, nil end
    if not ok then return ejected(state, now), 'ejected' end
    return {failures = 0, success = 1, seen = 0, ejections = state.ejections, out_until = 0, back_at = now,
            probing = 0}, 'readmitted'
  end
  local weight = math.max(0.05, 1 / (state.seen + 1))
  local after = {failures = ok and 0 or state.failures + 1, seen = state.seen + 1, ejections = state.ejections,
                 success = state.success + weight * ((ok and 1 or 0) - state.success),
                 out_until = 0, back_at = state.back_at, probing = 0}
  local sick = after.failures >= 5 or (after.seen >= 20 and after.success < 0.5)
  if sick and not is_last then return ejected(after, now), 'ejected' end
  return after, nil
end
