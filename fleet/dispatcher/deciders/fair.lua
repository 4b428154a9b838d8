-- Which tenant's task is next inside a task type? (start-time fair queueing)
-- Serve the least start tag; the virtual time is the tag last served.

-- virtual: tag last served; last_finish: this tenant's last finish tag or 0. -> start tag, new finish tag
local function fair_tags(virtual, last_finish, size, weight)
  local start = math.max(virtual, last_finish)
  return start, start + size / weight
end
