-- Which held task of a type is first? hold(heap, task) puts one in, take_first(heap) drops the first, heap[1].
-- A binary heap by priority (higher first), start tag, order of arrival.
local function goes_before(a, b)
  if a.priority ~= b.priority then return a.priority > b.priority end
  if a.tag ~= b.tag then return a.tag < b.tag end
  return a.id < b.id
end

local function hold(heap, task)
  local at = #heap + 1
  while at > 1 do
    local parent = math.floor(at / 2)
    if not goes_before(task, heap[parent]) then break end
    heap[at] = heap[parent]
    at = parent
  end
  heap[at] = task
end

local function take_first(heap)
  local last = table.remove(heap)
  if #heap == 0 then return end
  local at, count = 1, #heap
  while 2 * at <= count do
    local child = 2 * at
    if child < count and goes_before(heap[child + 1], heap[child]) then child = child + 1 end
    if not goes_before(heap[child], last) then break end
    heap[at] = heap[child]
    at = child
  end
  heap[at] = last
end
