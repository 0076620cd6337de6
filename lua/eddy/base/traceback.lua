-- Tracebacks for people: of a script's own lines.
local errors = require "eddy.base.errors"

-- More frames than this are a runaway recursion: the middle of it is left out.
local MOST, FIRST, LAST = 100, 12, 14

local M = {}

local full = os.getenv("EDDY_TRACEBACK") == "full"

-- Levels of the running coroutine count from a function that is called by `of` and calls this.
local INSIDE = 3

local function info_of(thread, level)
  local info
  if thread then
    info = debug.getinfo(thread, level, "Sln")
  else
    info = debug.getinfo(level, "Sln")
  end
  return info -- in a tail call this function would not be a level
end

-- The last level of a stack. The cost of asking for a level grows with it.
local function last_of(thread, from)
  local low, high = from, from + MOST
  while info_of(thread, high + 1) do low, high = high + 1, high * 2 end
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if info_of(thread, middle) then low = middle else high = middle - 1 end
  end
  return low
end

-- @param has_name whether the function's name is one that a script gave it
local function line_of(info, has_name)
  local place = info.what == "C" and "[C]" or info.short_src
  if info.currentline > 0 then place = place .. ":" .. info.currentline end
  if has_name and info.namewhat ~= "" then
    return ("%s: in function '%s'"):format(place, info.name)
  end
  if info.what == "main" then return place .. ": in main chunk" end
  if info.what == "C" then return place end
  return ("%s: in function <%s:%d>"):format(place, info.short_src, info.linedefined)
end

-- Adds the lines of the levels from one to another that are not eddy's own. What C does for
-- eddy's is eddy's, too.
-- @param is_ours whether eddy called the last of them
local function add(lines, thread, from, to, is_ours)
  local found = {}
  for level = to, from, -1 do
    local info, calls = info_of(thread, level), is_ours
    if info and info.what ~= "C" then is_ours = errors.is_ours(info.source) end
    if info and not is_ours then found[#found + 1] = line_of(info, not calls) end
  end
  for i = #found, 1, -1 do lines[#lines + 1] = found[i] end
end

-- The line of a level that is a C function.
local function c_line(thread, level)
  local info = info_of(thread, level)
  return info and info.what == "C" and line_of(info) or nil
end

--- A text with the stack below it: its lines in scripts, all of them with
-- EDDY_TRACEBACK=full in the environment.
-- @param thread the coroutine; nil for the running one
-- @param text what comes first
-- @param level where it begins: 1 is the function that calls this
-- @param is_callback whether a C function at its beginning is the script's, when that is all
function M.of(thread, text, level, is_callback)
  level = level or (thread and 0 or 1)
  if full then
    if thread then return debug.traceback(thread, text, level) end
    return debug.traceback(text, level + 1)
  end
  local lines = {}
  if not thread then level = level + INSIDE end
  local last = last_of(thread, level)
  if last - level < MOST then
    add(lines, thread, level, last, true)
  else
    add(lines, thread, level, level + FIRST - 1, false)
    lines[#lines + 1] = "..."
    add(lines, thread, last - LAST + 1, last, true)
  end
  if #lines == 0 and is_callback then lines[1] = c_line(thread, level) end
  if #lines == 0 then return text end
  return text .. "\nstack traceback:\n\t" .. table.concat(lines, "\n\t")
end

return M
