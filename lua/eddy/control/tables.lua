-- Tables of lines as wide as what is in them.
local text = require "eddy.terminal.text"

local M = {}

local function cell(value)
  if type(value) == "number" then return ("%.14g"):format(value) end
  return (tostring(value):gsub("%c", "?"))
end

--- The lines of a table, its titles first.
-- @param titles of the columns
-- @param rows a list
-- @param cells_of makes a row's list of texts and numbers, which stand at the right
function M.lines(titles, rows, cells_of)
  local widths, all, lines = {}, { titles }, {}
  for i, row in ipairs(rows) do all[i + 1] = cells_of(row) end
  for _, cells in ipairs(all) do
    for i in ipairs(titles) do
      widths[i] = math.max(widths[i] or 0, text.width(cell(cells[i])))
    end
  end
  for at, cells in ipairs(all) do
    local fitted = {}
    for i in ipairs(titles) do
      local example = (all[at == 1 and 2 or at] or cells)[i]
      fitted[i] = text.fit(cell(cells[i]), widths[i], type(example) == "number")
    end
    lines[at] = table.concat(fitted, "  "):gsub("%s+$", "")
  end
  return lines
end

return M
