-- Medians and spreads.
local M = {}

local function sorted(values)
  local list = {}
  for i, value in ipairs(values) do list[i] = value end
  table.sort(list)
  return list
end

function M.median(values)
  local list = sorted(values)
  local middle = math.floor(#list / 2)
  if #list % 2 == 1 then return list[middle + 1] end
  return (list[middle] + list[middle + 1]) / 2
end

-- The median with the smallest and the largest of the values.
function M.summary(values)
  local list = sorted(values)
  return { median = M.median(list), low = list[1], high = list[#list], values = values }
end

-- The ratios of what was measured in turns: of `a` to `b`, round by round.
function M.ratios(a, b)
  local list = {}
  for i = 1, math.min(#a, #b) do
    if b[i] ~= 0 then list[#list + 1] = a[i] / b[i] end
  end
  return list
end

return M
