-- Why did a task go where it went? describe(...) -> the decision as JSON, kept with the task for `fleet explain`: what
-- caused it, how long the task was held, and the candidates' terms (at most 8).
--@include dispatcher/parts/run.lua
local function quoted(text) return remembered('"' .. text, cjson.encode, text) end

local function describe(head, pools, row, chosen, score, cause, held)
  local candidates = {}
  for _, pool in ipairs(pools) do
    local factor = row[pool.name]
    if factor then
      local excluded = head.excluded and head.excluded[pool.name]
      candidates[#candidates + 1] = string.format('{"pool":%s,"cost":%.6g,"free":%d,"slots":%d,"service":%.6g%s%s}', quoted(pool.name),
        head.size * factor, pool.free, pool.slots, pool.service, pool.out and ',"out":true' or '', excluded and ',"excluded":true' or '')
      if #candidates == 8 then break end
    end
  end
  return string.format('{"cause":"%s","held":%.6g,"pool":%s,"score":%.6g,"size":%.6g,"candidates":[%s]}', cause, held,
    quoted(chosen), score, head.size, table.concat(candidates, ','))
end
