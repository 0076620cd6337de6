-- Wake-ups from other threads, and the method of a loop that takes them.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"

local C, ffi = c.C, c.ffi

---@class eddy.Loop
local Loop = {}

--- A waker: the end of a wire from other threads. C code calls
-- eddy_loop_wake(waker.loop_pointer, waker.id, number) and `fn` gets the number here.
---@class eddy.Waker
---@field id integer for `eddy_loop_wake`
---@field loop_pointer ffi.cdata* for `eddy_loop_wake`
---@field name string for messages to people; may be set
local Waker = {}
Waker.__index = Waker

--- Makes the end of a wire from other threads: fn(number) is called here for each
-- eddy_loop_wake(waker.loop_pointer, waker.id, number) there.
---@param fn fun(number: integer): ...
---@return eddy.Waker
function Loop:add_waker(fn)
  errors.check_function(fn, "add_waker")
  local core = self:_core("add_waker")
  local id = errors.check(C.eddy_waker_open(core), "add_waker")
  local waker = setmetatable({
    _loop = self, _id = id, _fn = fn,
    id = id, loop_pointer = ffi.cast("void *", core),
  }, Waker)
  self:_adopt(id, waker)
  return waker
end

--- Closes the waker: nothing that comes after is delivered.
function Waker:close()
  if not self._id then return end
  self._loop:_abandon(self._id)
  if self._loop._c then C.eddy_waker_close(self._loop._c, self._id) end
  self._id = false
end

function Waker:_handle(event)
  self._loop:_protect(self, self._fn, event.number)
end

function Waker:_describe()
  return errors.named("waker", self) .. " (" .. errors.where(self._fn) .. ")"
end

function Waker:__tostring() return self:_describe() .. (self._id and "" or " (closed)") end

methods(Waker, "waker")

return { methods = Loop }
