-- Time that a loop lost, and the method of a loop that tells of it.
local errors = require "eddy.base.errors"
local C = require("eddy.base.libeddy").C

---@class eddy.Loop
local Loop = {}

--- What is called when the loop lost time.
local TimeJump = {}
TimeJump.__index = TimeJump

--- Calls fn(ms) when the loop lost time, before the timers that are late: more than 5 s in which
-- its process was stopped, a handler ran or nobody ran the loop, or more than 1 s for which the
-- machine was suspended. Keeps no loop alive. nil ends it.
---@param fn? fun(ms: number): ...
function Loop:on_gap(fn)
  errors.check_function(fn, "on_gap", true)
  errors.check(C.eddy_loop_tell_gaps(self:_core("on_gap"), fn and 1 or 0), "on_gap")
  self._gap = fn and setmetatable({ _loop = self, _fn = fn }, TimeJump) or false
end

function TimeJump:_handle(event) self._loop:_protect(self, self._fn, event.number) end

function TimeJump._describe() return "on_gap" end

return { methods = Loop }
