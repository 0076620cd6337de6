-- In which order rows are shown.
local M = {}

--- Sorts rows by a column: the highest numbers first, texts from A to Z.
-- @param rows a list
-- @param column what has `value`; nil: as they are
-- @param reversed the other way round
-- @return another list
function M.sorted(rows, column, reversed)
  local list, places = {}, {}
  for i, row in ipairs(rows) do list[i], places[row] = row, i end
  if not column then return list end
  table.sort(list, function(a, b)
    local x, y = column.value(a), column.value(b)
    if x == y then return places[a] < places[b] end
    local is_before = x > y
    if type(x) == "string" then is_before = x < y end
    return is_before ~= (reversed == true)
  end)
  return list
end

return M
