-- What does one second of task size cost on a pool until the task has succeeded?
-- speed: learned seconds of service per second of size (smaller is faster); success: share of attempts that succeed;
-- price_per_slot_hour: USD; kappa: the operator's knob, seconds forgone per USD (0 fast ... 8 cheap);
-- grey: slow-down measured by time on test (1 when healthy).
local function cost_factor(speed, success, price_per_slot_hour, kappa, grey)
  local chance = math.max(success, 0.02)
  return speed * grey / chance * (1 + kappa * price_per_slot_hour)
end
