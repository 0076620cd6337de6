-- Messages on their way out: lists of strings, frames and views, as the core takes them.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local pool = require "eddy.base.pool"
local bytes = require "eddy.zmq.bytes"
local frames = require "eddy.zmq.frame"

local C, ffi = c.C, c.ffi

local FEW, MANY = 16, 1024 -- parts that there is room for at first, and for which it is not kept

-- A message has an `array` of parts, their `count`, and all the strings and frames themselves, at
-- which the array only points: the list may change meanwhile.
local take, give = pool(function()
  return { array = ffi.new("eddy_part[?]", FEW), room = FEW, count = 0 }
end)

local M = {}

local function fill(self, i, data, what, position)
  local part = self.array[i - 1]
  self[i] = data
  if type(data) == "string" then
    part.data, part.size = data, #data
  elseif frames.is(data) then
    part.data, part.size = ffi.cast("const char *", data), C.EDDY_FRAME
  elseif bytes.kind(data) and #data >= 0 then -- a view, or #data raises
    part.data, part.size = ffi.cast("const char *", data), C.EDDY_VIEW
  else
    errors.misuse(("%s: %sexpected a string or a frame, got %s"):format(what,
      position and "frame " .. position .. ": " or "", type(data)))
  end
end

--- A message of one part, for one call of the core. `release` ends its use.
function M.of(data, what)
  local self = take()
  self.count = 1
  fill(self, 1, data, what)
  return self
end

-- What a list has whose metamethods, functions of the script's, make it up.
local function plain(list, count)
  local own = {}
  for i = 1, count do own[i] = list[i] end
  return own
end

--- A message of what a list has.
-- @param list a list of strings, frames and views
function M.pack(list, what)
  if type(list) ~= "table" then
    errors.misuse(what .. ": expected a list of strings or frames, got " .. type(list))
  end
  local count = #list
  if count == 0 then errors.misuse(what .. ": the message has no frames") end
  if list[count + 2] ~= nil then errors.misuse(what .. ": the list has a hole") end
  if getmetatable(list) then list = plain(list, count) end
  local self = take()
  if count > self.room then
    self.room = count * 2
    self.array = ffi.new("eddy_part[?]", self.room)
  end
  self.count = count
  for i = 1, count do fill(self, i, list[i], what, i) end
  return self
end

--- A list of a message's strings and frames, in place of views too.
function M.list(self)
  local own = {}
  for i = 1, self.count do
    local data = self[i]
    own[i] = bytes.kind(data) == C.EDDY_VIEW and frames.new(data) or data
  end
  return own
end

--- Ends the use of a message.
function M.release(self)
  if self.room > MANY then return end
  for i = 1, self.count do self[i] = false end
  give(self)
end

return M
