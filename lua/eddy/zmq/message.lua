-- Messages on their way out: lists of strings, frames and views, as the core takes them.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local pool = require "eddy.base.pool"
local bytes = require "eddy.zmq.bytes"
local frames = require "eddy.zmq.frame"

local C, ffi = c.C, c.ffi

local FEW, MANY = 16, 1024 -- parts that there is room for at first, and for which it is not kept
-- So many parts are done without a loop: LuaJIT compiles a loop apart from the way around it, and
-- gives one up for good that mostly runs once or twice.
local UNROLLED = 8

-- A message has an `array` of parts, their `count`, and all the strings and frames themselves, at
-- which the array only points: the list may change meanwhile.
local take, give = pool(function()
  return { false, false, false, false, false, false, false, false,
    array = ffi.new("eddy_part[?]", FEW), room = FEW, count = 0 }
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

local function fill_few(self, list, count, what)
  fill(self, 1, list[1], what, 1)
  if count == 1 then return end
  fill(self, 2, list[2], what, 2)
  if count == 2 then return end
  fill(self, 3, list[3], what, 3)
  if count == 3 then return end
  fill(self, 4, list[4], what, 4)
  if count == 4 then return end
  fill(self, 5, list[5], what, 5)
  if count == 5 then return end
  fill(self, 6, list[6], what, 6)
  if count == 6 then return end
  fill(self, 7, list[7], what, 7)
  if count == UNROLLED then fill(self, 8, list[8], what, 8) end
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
  if count <= UNROLLED then
    fill_few(self, list, count, what)
  else
    for i = 1, count do fill(self, i, list[i], what, i) end
  end
  return self
end

-- What outlasts the handler that was lent a view.
local function kept(data)
  if type(data) == "string" or bytes.kind(data) ~= C.EDDY_VIEW then return data end
  return frames.new(data)
end

--- A list of a message's strings and frames, in place of views too.
function M.list(self)
  local own, count = { kept(self[1]) }, self.count
  if count > 1 then own[2] = kept(self[2]) end
  if count > 2 then own[3] = kept(self[3]) end
  if count > 3 then
    for i = 4, count do own[i] = kept(self[i]) end
  end
  return own
end

--- Ends the use of a message.
function M.release(self)
  if self.room > MANY then return end
  if self.count <= UNROLLED then
    self[1], self[2], self[3], self[4] = false, false, false, false
    self[5], self[6], self[7], self[8] = false, false, false, false
  else
    for i = 1, self.count do self[i] = false end
  end
  give(self)
end

return M
