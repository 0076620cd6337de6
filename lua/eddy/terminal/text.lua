-- Texts and numbers for a screen or a line of print.
local M = {}

--- Whether the terminal shows UTF-8, as the environment says.
function M.has_utf8()
  local locale = os.getenv "LC_ALL"
  if not locale or locale == "" then locale = os.getenv "LC_CTYPE" end
  if not locale or locale == "" then locale = os.getenv "LANG" end
  return (locale or ""):upper():find "UTF%-?8" ~= nil
end

--- How many columns a text takes: one for each character.
function M.width(text)
  local _, inner = text:gsub("[\128-\191]", "")
  return #text - inner
end

-- Its first characters.
local function first(text, count)
  local at = 1
  for _ = 1, count do
    at = at + 1
    while (text:byte(at) or 0) >= 128 and text:byte(at) < 192 do at = at + 1 end
  end
  return text:sub(1, at - 1)
end

--- A text in so many columns: cut off, with a mark, or filled.
-- @param to_right whether it stands at the right
function M.fit(text, columns, to_right)
  local width = M.width(text)
  if width > columns and columns > 1 then return first(text, columns - 1) .. "+" end
  if width > columns then return first(text, columns) end
  local space = (" "):rep(columns - width)
  return to_right and space .. text or text .. space
end

local function scaled(value, step, units)
  local i = 1
  while value >= step - 0.5 and i < #units do
    value, i = value / step, i + 1
  end
  if i == 1 and (value >= 10 or value % 1 == 0) then return ("%.0f"):format(value), units[i] end
  return (value < 9.95 and "%.1f" or "%.0f"):format(value), units[i]
end

--- A count in at most five columns: "0", "2.5", "950", "12k", "1.2M".
function M.count(value)
  local text, unit = scaled(value, 1000, { "", "k", "M", "G", "T", "P" })
  return text .. unit
end

--- Bytes: "950 B", "12 kB", "1.2 MB".
function M.bytes(value)
  local text, unit = scaled(value, 1024, { "B", "kB", "MB", "GB", "TB" })
  return text .. " " .. unit
end

--- A time in ms, in at most six columns: "60 ns", "1.5 us", "20 ms", "3.0 s"; "-" for nil.
function M.time(ms)
  if not ms then return "-" end
  if ms < 1e-3 then return ("%.0f ns"):format(ms * 1e6) end
  if ms < 1 then return ("%s us"):format((ms < 0.00995 and "%.1f" or "%.0f"):format(ms * 1e3)) end
  if ms < 1000 then return ("%s ms"):format((ms < 9.95 and "%.1f" or "%.0f"):format(ms)) end
  local s = ms / 1000
  return ("%s s"):format((s < 9.95 and "%.1f" or "%.0f"):format(s))
end

local BLOCKS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local SIGNS = { "_", ".", ":", "-", "=", "+", "*", "#" }

--- The last values of a list as a line of so many columns, drawn from 0 up to the highest.
-- @return the line, and the highest
function M.sparkline(values, columns, utf8)
  local signs, from, highest, line = utf8 and BLOCKS or SIGNS, #values - columns + 1, 0, {}
  for i = math.max(1, from), #values do highest = math.max(highest, values[i]) end
  for i = math.max(1, from), #values do
    local level = highest > 0 and math.ceil(values[i] / highest * #signs) or 0
    line[#line + 1] = signs[math.max(1, level)]
  end
  return table.concat(line), highest
end

return M
