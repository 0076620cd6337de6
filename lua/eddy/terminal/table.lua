-- Tables of lines: columns with a title and a width, some of which take what is left.
local text = require "eddy.terminal.text"

local M = {}

--- Chooses the columns that have room, and their widths.
-- @param columns a list of { title, width, from = columns of the screen from which it is shown,
-- share = of the room that is left, right = whether it stands at the right }
-- @param width of the screen
-- @return a list of { column, width }
function M.layout(columns, width)
  local shown, used, shares = {}, 0, 0
  for _, column in ipairs(columns) do
    if width >= (column.from or 0) then
      shown[#shown + 1] = { column, column.width }
      used, shares = used + column.width + 1, shares + (column.share or 0)
    end
  end
  local left = math.max(0, width - used + 1)
  for _, each in ipairs(shown) do
    local share = each[1].share or 0
    if share > 0 then each[2] = each[2] + math.floor(left * share / shares) end
  end
  return shown
end

--- A line of the table.
-- @param layout what layout() returned
-- @param get gets a column, returns its text
function M.line(layout, get)
  local cells = {}
  for i, each in ipairs(layout) do cells[i] = text.fit(get(each[1]), each[2], each[1].right) end
  return table.concat(cells, " ")
end

return M
