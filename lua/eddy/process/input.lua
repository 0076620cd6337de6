-- What is written to a child's standard input, or to another pipe.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local backpressure = require "eddy.stream.backpressure"
local room = require "eddy.stream.room"

local C, ffi = c.C, c.ffi

local LIMIT_BYTES = 64 * 1024 * 1024

local Input = {
  _kind = "input",
  _line = false,    -- who waits for room
  _over = false,    -- it is closed, or nobody reads it any more
  _closing = false, -- it is closed when all is written
  _first = 1,       -- of what waits, the first, of which
  _offset = 0,      -- so many bytes are written;
  _last = 0,        -- and the last
  _queued = 0,      -- bytes that wait
  _written = 0,     -- bytes that the pipe took
  _unwritten = 0,   -- bytes that nobody could be given
  _limit = LIMIT_BYTES, -- of those that wait
}
Input.__index = Input

local M = {}

--- Makes one of a pipe of the core's.
function M.new(loop, id, name)
  local self = setmetatable({ loop = loop, _id = id, name = name, _queue = {} }, Input)
  loop:_adopt(id, self)
  return self
end

local function nothing() end

local function want(self)
  if not self._id then return end
  errors.check(C.eddy_pipe_want(self.loop._c, self._id, self._queued > 0 and C.EDDY_WRITE or 0),
    "write to", self.name)
end

-- No more can be written: what waits is lost, and those who wait are told.
function Input:_end()
  if self._id then
    self.loop:_abandon(self._id)
    if self.loop._c then C.eddy_pipe_close(self.loop._c, self._id) end
  end
  self._id, self._over = false, true
  self._unwritten = self._unwritten + self._queued
  self._queue, self._first, self._last, self._queued = {}, 1, 0, 0
  if not self.loop._closed then room.drained(self) end
end

-- Writes what it can of a text, from an offset on. How many bytes; nil when nobody reads it.
local function write(self, text, offset)
  local size = C.eddy_pipe_write(self.loop._c, self._id, ffi.cast("const char *", text) + offset,
    #text - offset)
  if size == -errors.numbers.EAGAIN then return 0 end
  if size < 0 then return nil end
  self._written = self._written + size
  return size
end

function Input:_handle()
  while self._first <= self._last do
    local text = self._queue[self._first]
    local size = write(self, text, self._offset)
    if not size then return self:_end() end
    self._offset, self._queued = self._offset + size, self._queued - size
    if self._offset < #text then break end
    self._queue[self._first], self._first, self._offset = nil, self._first + 1, 0
  end
  if self._closing and self._queued == 0 then return self:_end() end
  want(self)
  if self._queued <= self._limit / 2 then room.drained(self) end
end

local function refused(self, code, why) return errors.new(code, "write: " .. self.name .. why) end

-- Waits until there is room for so many bytes. nil, or the error with which that ended.
local function wait_for_room(self, size)
  local is_first = false
  while not self._over and self._queued > 0 and self._queued + size > self._limit do
    if not backpressure.may_wait() then
      return refused(self, errors.numbers.ENOBUFS, ": 64 MiB wait already")
    end
    local err = room.wait(self, is_first, nothing)
    if err then return err end
    is_first = true
  end
end

--- Writes a string: at once as much as the pipe takes, the rest as the child reads.
-- @return true; or nil and an error: EPIPE when nobody reads it any more, ENOBUFS when 64 MiB wait
-- already (a coroutine of the script's waits instead), EMSGSIZE when it is more than that
function Input:write(data)
  if type(data) ~= "string" then
    errors.misuse("write: expected a string, got " .. type(data))
  end
  if self._closing then errors.misuse("write: " .. self.name .. " is closed") end
  if #data > self._limit then
    return nil, refused(self, errors.numbers.EMSGSIZE, ": 64 MiB at most at a time")
  end
  local err = wait_for_room(self, #data)
  if err then return nil, err end
  local offset = 0
  if not self._over and self._queued == 0 then
    offset = write(self, data, 0)
    if not offset then self:_end() end
  end
  if self._over then return nil, refused(self, errors.numbers.EPIPE, "") end
  if offset == #data then return true end
  if self._queued == 0 then self._offset = offset end
  self._last = self._last + 1
  self._queue[self._last], self._queued = data, self._queued + #data - offset
  want(self)
  return true
end

--- Closes it, when all that waits is written.
function Input:close()
  self._closing = true
  if self._queued == 0 and not self._over then self:_end() end
end

-- The loop is being closed and takes the core's pipe with it.
function Input:_closing_loop()
  self._id = false
  self:_end()
end

function Input:_describe() return self.name end

function Input:__tostring() return self.name .. (self._over and " (closed)" or "") end

return M
