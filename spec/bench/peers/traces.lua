-- Runs a script, and tells what LuaJIT compiled meanwhile: its traces, and those that it gave up,
-- in the first half of the CPU time and in the second, when nothing should be left to compile;
-- then where and why it gave up in the second, the most frequent first.
-- usage: traces.lua SCRIPT ARGUMENT...
local util = require "jit.util"
local has_names, names = pcall(require, "jit.vmdef")

local MOST_PLACES = 5

local notes = {}

-- As `luajit -jv` has it.
local function reason(code, detail)
  local text = has_names and names.traceerr[code] or "reason " .. tostring(code)
  if type(detail) == "number" and has_names and text:find("bytecode", 1, true) then
    detail = names.bcnames:sub(detail * 6 + 1, detail * 6 + 6)
  elseif type(detail) == "function" then
    detail = util.funcinfo(detail).loc
  end
  return (text:gsub("%%[sd]", tostring(detail)))
end

local function note(what, _, fn, pc, code, detail)
  if what == "start" then return end
  local text
  if what == "abort" then
    local place = util.funcinfo(fn, pc)
    text = ("%s: %s"):format(tostring(place.loc):gsub(".*/eddy/", "eddy/"), reason(code, detail))
  end
  notes[#notes + 1] = { what = what, text = text, at = os.clock() }
end

local function tell()
  jit.attach(note)
  local first, last = notes[1] and notes[1].at or 0, os.clock()
  local halves, places, list = { { stop = 0, abort = 0, flush = 0 } }, {}, {}
  halves[2] = { stop = 0, abort = 0, flush = 0 }
  for _, each in ipairs(notes) do
    local half = each.at < (first + last) / 2 and 1 or 2
    halves[half][each.what] = halves[half][each.what] + 1
    if half == 2 and each.text then
      if not places[each.text] then list[#list + 1] = each.text end
      places[each.text] = (places[each.text] or 0) + 1
    end
  end
  for i, half in ipairs(halves) do
    io.stderr:write(("%s half: %d traces, %d given up, %d flushes\n"):format(
      i == 1 and "first" or "second", half.stop, half.abort, half.flush))
  end
  table.sort(list, function(a, b) return places[a] > places[b] end)
  for i = 1, math.min(#list, MOST_PLACES) do
    io.stderr:write(("  %d x %s\n"):format(places[list[i]], list[i]))
  end
end

local script = table.remove(arg, 1)
rawset(arg, 0, script)
local exit = os.exit
os.exit = function(...) -- luacheck: ignore
  tell()
  exit(...)
end
jit.attach(note, "trace")
assert(loadfile(script))(unpack(arg))
tell()
