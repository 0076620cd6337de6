-- What can be named from outside: streams, and coroutines that wait.
local errors = require "eddy.base.errors"
local traceback = require "eddy.base.traceback"
local loops = require "eddy.loop"
local coroutines = require "eddy.tasks.coroutine"

local M = {}

-- Numbers that people can type, by what they are of; none is used again.
local numbers = setmetatable({}, { __mode = "k" })
local last = 0

--- The number of a stream, a coroutine or the like, which it keeps.
function M.number_of(object)
  if not numbers[object] then
    last = last + 1
    numbers[object] = last
  end
  return numbers[object]
end

--- Raises a text that is the whole answer: no error of the process's.
function M.refuse(text) error({ is_refusal = true, text = text }, 0) end

local function by_number(a, b) return a.number < b.number end

--- All that is on loops of which is_one(target) is true, in their order.
function M.list(is_one)
  local found = {}
  for loop in pairs(loops._all()) do
    for _, target in pairs(loop._c and loop._targets or {}) do
      if target._id and is_one(target) then
        found[#found + 1] = { target = target, number = M.number_of(target), loop = loop }
      end
    end
  end
  table.sort(found, by_number)
  return found
end

local function is_stream(target) return target.on_recv ~= nil and target.socket ~= nil end

--- The streams.
function M.streams() return M.list(is_stream) end

--- The stream of a number or name; raises when there is none, or several.
function M.stream(text)
  local found = {}
  for _, each in ipairs(M.streams()) do
    if tostring(each.number) == text then return each.target end
    if tostring(each.target.name) == text then found[#found + 1] = each end
  end
  if #found == 1 then return found[1].target end
  M.refuse(#found == 0 and ("no stream %s: eddy ctl streams names them"):format(text)
    or ("%d streams are called %s: take a number of eddy ctl streams"):format(#found, text))
end

--- The coroutines that wait, and for what: { number, thread, what, task, loop }. Of the main
-- program's, `thread` is none.
function M.waiting()
  local found = {}
  for loop in pairs(loops._all()) do
    for thread, what in pairs(loop._waiting) do
      found[#found + 1] = { number = M.number_of(thread), owner = thread, what = what, loop = loop,
        thread = type(thread) == "table" and thread.thread or type(thread) == "thread" and thread,
        task = coroutines.tasks[thread] }
    end
  end
  table.sort(found, by_number)
  return found
end

--- What one of those is called.
function M.describe(each) return coroutines.describe(each.owner) end

--- Where it waits: lines of a script's.
function M.where(each)
  local text = each.thread and traceback.of(each.thread, "") or ""
  return (text:gsub("^\nstack traceback:\n\t", ""))
end

-- The names and values of a function's variables.
local function variables(thread, level, info)
  local list, i = {}, 1
  local name, value = debug.getlocal(thread, level, i)
  while name do
    if not name:find "^%(" then list[#list + 1] = { name, value } end
    i = i + 1
    name, value = debug.getlocal(thread, level, i)
  end
  for at = 1, info.nups do
    name, value = debug.getupvalue(info.func, at)
    if name and name ~= "" then list[#list + 1] = { name, value } end
  end
  return list
end

--- The variables in the functions of a coroutine that waits, the innermost one first:
-- a list of { where = "script.lua:12", { name, value }, ... }.
function M.locals(thread)
  local frames, level = {}, 0
  while true do
    local info = debug.getinfo(thread, level, "Slfu")
    if not info then return frames end
    if info.what ~= "C" and not errors.is_ours(info.source) then
      local frame = variables(thread, level, info)
      frame.where = ("%s:%d"):format(info.short_src, info.currentline)
      frames[#frames + 1] = frame
    end
    level = level + 1
  end
end

return M
