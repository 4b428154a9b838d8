-- Why did a task go where it went? describe(...) -> the decision as JSON, kept with the task for `fleet explain`: what
-- caused it, how long the task was held, and the candidates' terms (at most 8; `tail` of a pool: pools.lua).
--@include dispatcher/parts/run.lua
local quotes, briefs, brief_count = {}, {}, 0 -- how names and numbers are written; most are written again and again

local function quoted(text)
  local known = quotes[text]
  if not known then
    known = cjson.encode(text)
    quotes[text] = known
  end
  return known
end

local function brief(number)
  if number ~= number then return 'null' end
  local known = briefs[number]
  if not known then
    if brief_count >= 1000 then briefs, brief_count = {}, 0 end
    known = string.format('%.6g', number)
    briefs[number], brief_count = known, brief_count + 1
  end
  return known
end

local candidates = {} -- of one decision

local function describe(head, pools, row, chosen, score, cause, held)
  local count = 0
  for _, pool in ipairs(pools) do
    local factor = row[pool.name]
    if factor then
      local excluded = head.excluded and head.excluded[pool.name]
      count = count + 1
      candidates[count] = '{"pool":' .. quoted(pool.name) .. ',"cost":' .. brief(head.size * factor) .. ',"free":' .. pool.free ..
        pool.tail .. (pool.out and ',"out":true' or '') .. (excluded and ',"excluded":true}' or '}')
      if count == 8 then break end
    end
  end
  return '{"cause":"' .. cause .. '","held":' .. brief(held) .. ',"pool":' .. quoted(chosen) .. ',"score":' .. brief(score) .. ',"size":' ..
    brief(head.size) .. ',"candidates":[' .. table.concat(candidates, ',', 1, count) .. ']}'
end
