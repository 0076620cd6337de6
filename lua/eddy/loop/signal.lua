-- Handlers of signals, and the method of a loop that makes them.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local dispatch = require "eddy.loop.dispatch"
local names = require "eddy.loop.signal_names"

local C = c.C
local check, check_function = errors.check, errors.check_function

---@class eddy.Loop
local Loop = {}

--- A signal's handler; `cancel` ends it.
---@class eddy.Signal
---@field name string for messages to people; may be set
local Signal = {}
Signal.__index = Signal

local M = {
  methods = Loop,
  class = Signal,
  giving_way = {}, -- handlers that are not the script's, by number: its own takes their place
}

local refusal -- why this Lua state takes no signals

-- For the host.
function M._refuse(text) refusal = text end

--- Calls fn(name, number) when a signal comes, which then does nothing else. nil gives the
-- signal back. Returns a handle with `cancel`.
---@param name string|integer "SIGHUP", "HUP" or its number
---@param fn? fun(name: string, number: integer): ...
---@return eddy.Signal
function Loop:on_signal(name, fn)
  check_function(fn, "on_signal", true)
  if refusal then errors.misuse(refusal) end
  local number = type(name) == "number" and name or C.eddy_signal_number(tostring(name))
  if number == 0 then names.unknown("on_signal", name) end
  local core, signal = self:_core("on_signal"), self._signals[number]
  if fn == nil then
    if signal then signal:cancel() end
    return nil
  end
  local other = M.giving_way[number]
  M.giving_way[number] = nil
  if other and other ~= signal then other:cancel() end
  if other and other == signal then signal.name = nil end
  if signal then
    signal._fn, signal._name = fn, name
    signal:_count_alive(true)
    return signal
  end
  check(C.eddy_signal_watch(core, number), "on_signal", tostring(name))
  signal = setmetatable({ _loop = self, _name = name, _number = number, _fn = fn }, Signal)
  self._signals[number] = signal
  return signal
end

Signal._is_unref = false -- it keeps no loop running

function Signal:_count_alive(on)
  if self._is_unref ~= on then return end
  self._is_unref = not on
  self._loop._expected = self._loop._expected + (on and -1 or 1)
end

--- Gives the signal back: it does again what it did before.
function Signal:cancel()
  local loop = self._loop
  if loop._signals[self._number] ~= self then return end
  loop._signals[self._number] = nil
  self:_count_alive(true)
  if loop._c then C.eddy_signal_unwatch(loop._c, self._number) end
  dispatch.guard_again()
end

function Signal:_handle()
  self._loop:_protect(self, self._fn, self._name, self._number)
end

function Signal:_describe()
  return errors.named("handler", self) .. " of signal " .. tostring(self._name)
end

function Signal:__tostring()
  local is_given_back = self._loop._signals[self._number] ~= self
  return self:_describe() .. (is_given_back and " (cancelled)" or "")
end

M.number_of, M.name_of, M.unknown = names.number_of, names.name_of, names.unknown

methods(Signal, "handler")

return M
