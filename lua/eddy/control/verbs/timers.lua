-- The timers that are going to fire.
local errors = require "eddy.base.errors"
local tables = require "eddy.control.tables"
local targets = require "eddy.control.targets"

local M = {}

local function is_timer(target) return target._delay ~= nil and target._period ~= nil end

-- Of eddy's own, where it was made tells nothing.
local function name_of(timer)
  local info = type(timer._fn) == "function" and debug.getinfo(timer._fn, "S")
  return info and errors.is_ours(info.source) and "a wait with a limit, or a sleep" or
    timer:_describe()
end

function M.run()
  local list = {}
  for i, each in ipairs(targets.list(is_timer)) do
    local timer = each.target
    list[i] = { number = each.number, name = name_of(timer), period = timer._period,
      delay = timer._delay }
  end
  return { timers = list }
end

function M.show(answer)
  return tables.lines({ "NO", "MS", "TIMER" }, answer.timers, function(timer)
    return { timer.number, timer.period > 0 and timer.period or timer.delay, timer.name }
  end)
end

return M
