-- Loops that run inside this one, and the method of a loop that takes them in.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"

local C = c.C
local check_function = errors.check_function

---@class eddy.Loop
local Loop = {}
local M = { methods = Loop }

--- Another loop that runs inside this one, until `close`.
---@class eddy.Embedded
local Embedded = {}
Embedded.__index = Embedded

local OPTIONS = { fd = true, timeout = true, step = true, alive = true, name = true }

local function unlimited() end

local function step(self)
  self._is_due = false
  if not self._id then return end
  self._steps = true
  self._step()
end

-- Steps it. An error in the middle of that is told, and the next step comes when it is due.
local function protected_step(self)
  if self._steps then return end -- it was suspended in the middle of the last one
  self._loop:_protect(self, step, self)
  self._steps = false
end

---@class (exact) eddy.Inner
---@field fd integer a descriptor that is readable when the loop has something to do
---@field step fun() does that, without waiting
---@field timeout? fun(): number? the ms it may be left alone otherwise; nil: until the fd tells
---@field alive? fun(): boolean whether it keeps this loop running: without it, it does
---@field name? string for messages to people

--- Runs another loop inside this one.
-- @return a handle with `close`
---@return eddy.Embedded
---@param inner eddy.Inner what it is
function Loop:embed(inner)
  local core = self:_core("embed")
  errors.check_fields(inner, OPTIONS, "embed")
  if type(inner.fd) ~= "number" or inner.fd % 1 ~= 0 then
    errors.misuse("embed: fd: expected a descriptor's number, got " .. tostring(inner.fd))
  end
  check_function(inner.step, "embed: step")
  check_function(inner.timeout, "embed: timeout", true)
  check_function(inner.alive, "embed: alive", true)
  local embedded = setmetatable({
    _loop = self, _id = false, name = inner.name,
    _step = inner.step, _timeout = inner.timeout or unlimited, _alive = inner.alive,
    _is_due = false, -- its step is queued
    _steps = false, -- is under way
    _closed = false, -- is called when it is closed
  }, Embedded)
  embedded._id = errors.check(C.eddy_watch_fd(core, inner.fd, C.EDDY_READ), "embed",
    embedded:_describe())
  self:_adopt(embedded._id, embedded)
  self._expected = self._expected + 1 -- its descriptor alone keeps nothing alive
  local list = { embedded }
  for _, other in ipairs(self._embedded or {}) do list[#list + 1] = other end
  self._embedded = list
  return embedded
end

--- Takes the other loop out of this one. Again, it does nothing.
function Embedded:close()
  local loop = self._loop
  if not self._id then return end
  loop:_abandon(self._id)
  if loop._c then C.eddy_watch_close(loop._c, self._id) end
  self._id = false
  loop._expected = loop._expected - 1
  local list = {}
  for _, other in ipairs(loop._embedded) do
    if other ~= self then list[#list + 1] = other end
  end
  loop._embedded = #list > 0 and list
  if self._closed then self._closed() end
end

Embedded._closing_loop = Embedded.close

function Embedded:_handle() protected_step(self) end

function Embedded:_describe() return errors.named("embedded loop", self) end

function Embedded:__tostring() return self:_describe() .. (self._id and "" or " (closed)") end

-- Asks one how long the loop may wait, and queues its step when it is due.
local function ask(self, ms)
  local left = self._id and self._timeout()
  if not left then return ms end
  if left > 0 then return ms < 0 and left or math.min(ms, left) end
  if not self._is_due and not self._steps then
    self._is_due = true
    self._loop:add_callback(protected_step, self)
  end
  return ms
end

--- How long a loop may wait: up to `ms` (negative: for ever), as those inside it have it. Their
-- steps are queued when they are due.
function M.patience(loop, ms)
  local list = loop._embedded -- another one when that changes meanwhile
  for i = 1, #list do
    local ok, least = pcall(ask, list[i], ms)
    if ok then
      ms = least
    else -- it cannot be asked again and again
      loop:_failed(loop._trace(least), list[i])
      list[i]:close()
    end
  end
  return ms
end

--- Whether any of those inside a loop has something to do, now or later.
function M.is_alive(loop)
  for _, each in ipairs(loop._embedded) do
    if not each._alive or each._alive() then return true end
  end
  return false
end

--- What names the callback that steps one.
M.names = { [protected_step] = Embedded._describe }

methods(Embedded, "embedded")

return M
