-- A loop that turns inside another one: methods of a loop's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local dispatch = require "eddy.loop.dispatch"
local embedded = require "eddy.loop.embedded"
local signal = require "eddy.loop.signal"

local C = c.C

---@class eddy.Loop
local Loop = {}

--- For a loop that turns inside another one: a descriptor that is readable when `step` has
-- something to do. It is always the same one, and the loop's: only to be waited for.
---@return integer
function Loop:fd() return errors.check(C.eddy_loop_fd(self:_core("fd")), "fd") end

--- How many ms the other loop may wait for the descriptor, unless something else happens: 0 when
-- there is something to do already, nil when nothing but the descriptor will tell. Asked before
-- each wait. What is done to this loop after that makes the descriptor readable.
---@return number? ms
function Loop:timeout()
  local core = self:_core("timeout")
  self._is_asleep = false
  if self._queued > 0 or self._batch_next <= self._batch_last or
    self._event_next < self._event_last then return 0 end
  local ms = C.eddy_loop_timeout(core)
  if self._embedded then
    ms = embedded.patience(self, ms)
    if self._queued > 0 then return 0 end
  end
  self._is_asleep = ms ~= 0
  if ms >= 0 then return ms end
  return nil
end

--- One turn that never waits: callbacks, messages, timers that are due.
-- @return true while something is left that could bring an event; false; and false and the
-- signal's name, "SIGTERM", when one stopped it that nobody handles
---@return boolean is_alive
---@return string? signal
function Loop:step()
  self._started, self._is_asleep = true, false
  local is_alive, number = dispatch.step(self)
  if number then return false, signal.name_of(number) end
  return is_alive
end

return { methods = Loop }
