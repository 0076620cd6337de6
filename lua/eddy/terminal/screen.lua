-- A screen full of lines, on a terminal that is as it was before when that ends.
local c = require "eddy.base.libeddy"
local text = require "eddy.terminal.text"

local C, ffi = c.C, c.ffi

local M = {}

local OUT, IN = 1, 0
local BEGIN = "\27[?1049h\27[?25l\27[2J" -- another screen, without a cursor
local END = "\27[0m\27[?25h\27[?1049l"
local PLAIN = "\27[0m"

--- The size of the terminal of a descriptor: columns and rows; nil when it is none.
function M.size(fd)
  local columns, rows = ffi.new "int[1]", ffi.new "int[1]"
  if C.eddy_terminal_size(fd or OUT, columns, rows) ~= 0 then return nil end
  -- A terminal that does not know says 0.
  return columns[0] > 0 and columns[0] or 80, rows[0] > 0 and rows[0] or 24
end

--- Whether both the output is a terminal and the input is one that has keys.
function M.is_there() return M.size(OUT) ~= nil and M.size(IN) ~= nil end

--- Takes the terminal.
function M.open()
  C.eddy_terminal_keys(IN, 1)
  io.stdout:setvbuf "full"
  io.stdout:write(BEGIN)
  io.stdout:flush()
end

--- Gives it back.
function M.close()
  io.stdout:write(END)
  io.stdout:flush()
  io.stdout:setvbuf "line"
  C.eddy_terminal_keys(IN, 0)
end

local styles = { inverse = "\27[7m", bold = "\27[1m", dim = "\27[2m", chosen = "\27[30;46m",
  alarm = "\27[1;31m" }

--- Draws lines over the whole screen.
-- @param lines a list of texts, or of { text, style = one of "inverse", "bold", "dim", "chosen"
-- and "alarm" }
-- @return false when nobody is there to see it
function M.draw(lines, columns, rows)
  local out = { "\27[H" }
  for i = 1, rows do
    local line = lines[i] or ""
    local style = type(line) == "table" and styles[line.style]
    local fitted = text.fit(type(line) == "table" and line[1] or line, columns)
    out[#out + 1] = style and style .. fitted .. PLAIN or fitted
    if i < rows then out[#out + 1] = "\r\n" end
  end
  return io.stdout:write(table.concat(out)) and io.stdout:flush()
end

return M
