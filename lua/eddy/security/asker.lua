-- Functions that decide who may come in, where no table knows. The core's handler asks; they are
-- called on a loop, in a task each, so that they may wait.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local descriptor = require "eddy.security.descriptor"
local policies = later.require "eddy.security.policy"

local C, ffi = c.C, c.ffi

local M = {}

local current -- the loop to ask on

--- For eddy.loop: a function that returns the loop on which scripts run now.
function M.set_loop(fn) current = fn end

--- That loop; nil where there is none yet.
function M.loop() return current and current(false) end

--- What asks fn(peer) on a loop, and keeps that loop no longer alive than it would be.
local Asker = {}
Asker.__index = Asker

local room = ffi.typeof "eddy_asked"

--- Makes one.
-- @param fn fn(peer) of { key, address, domain, mechanism }; returns whether it may come in, or a
-- table of fields for its messages, with `user` in it
function M.new(fn)
  if not current then errors.misuse "allow: a function is asked on a loop: require eddy.loop" end
  local made = ffi.new("eddy_asker *[1]")
  errors.check(C.eddy_asker_new(made), "allow")
  local self = setmetatable({ _c = ffi.gc(made[0], C.eddy_asker_free), _fn = fn, _loop = false },
    Asker)
  self:attach(current())
  return self
end

-- ZAP's status, the user, and the fields that a function's answer means.
local function answer_of(answer, key)
  if type(answer) ~= "table" then return answer and 200 or 400, key, "" end
  local fields = {}
  for name, value in pairs(answer) do
    if name ~= "user" then fields[name] = value end
  end
  return 200, answer.user and tostring(answer.user) or key, policies.encode(fields)
end

local function decide(self, number, peer)
  local function ask() return answer_of(self._fn(peer), peer.key) end
  local ok, status, user, fields = xpcall(ask, self._loop._trace)
  local failure = not ok and self._loop:_failure(status)
  if not ok then status, user, fields = 500, "", "" end
  local result = C.eddy_asker_answer(self._c, number, status, user, #user, fields, #fields)
  if result == -errors.numbers.EINVAL then
    failure = { traceback = "the user's name is longer than 255 bytes" }
    failure.value = failure.traceback
    C.eddy_asker_answer(self._c, number, 500, "", 0, "", 0)
  end
  if failure then self._loop:_failed(failure, self) end
end

local function ask_all(self)
  local asked = room()
  while C.eddy_asker_next(self._c, asked) == 1 do
    local task = self._loop:spawn(decide, self, asked.number, {
      key = ffi.string(asked.key), address = ffi.string(asked.address),
      domain = ffi.string(asked.domain), mechanism = "CURVE",
    })
    task.name, task._fn = "allow", self._fn
  end
end

function Asker:_describe() return ("allow (%s)"):format(errors.where(self._fn)) end

--- Asks on this loop from now on.
function Asker:attach(loop)
  if self._loop == loop then return end
  self:detach()
  self._descriptor = descriptor.read(C.eddy_asker_fd(self._c), loop, function() ask_all(self) end)
  self._loop = loop
end

--- The loop that it asks on; false when there is none, or no more.
function Asker:loop() return self._loop and not self._loop._closed and self._loop end

--- Asks nobody any more.
function Asker:detach()
  if not self._loop then return end
  self._descriptor:stop()
  self._loop = false
end

return M
