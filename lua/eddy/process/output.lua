-- What a child writes, on its standard output or its standard error.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local pool = require "eddy.base.pool"
local futures = require "eddy.tasks.future"

local C, ffi = c.C, c.ffi

local READ_BYTES = 64 * 1024
local LINE_BYTES = 1024 * 1024 -- of the longest line that is told whole
local OUTPUT_BYTES = 16 * 1024 * 1024 -- of a whole output, unless said otherwise
local LAST_READS = 32 -- of what a child left: more than a pipe holds

local take, give = pool(function() return ffi.new("char[?]", READ_BYTES) end)

--- The standard output or the standard error of a child that has a pipe there. What nobody reads
-- stays in the pipe; when that is full, the child waits.
---@class eddy.Output
local Output = {
  _kind = "output",
  _fn = false,      -- who is told, and
  _by_line = false, -- whether line by line
  _whole = false,   -- the future of all of it
  _text = "",       -- what was read and not told yet, from
  _from = 1,        -- here on; and from
  _searched = 1,    -- here on nobody has looked for the end of a line
  _telling = false, -- a function is being told, and may wait
  _over = false,    -- nothing more will come
}
Output.__index = Output

local M = {}

--- Makes one of a pipe of the core's.
function M.new(loop, id, name)
  local self = setmetatable({ _loop = loop, _id = id, _name = name }, Output)
  loop:_adopt(id, self)
  return self
end

local function close(self)
  self._over = true
  if not self._id then return end
  self._loop:_abandon(self._id)
  if self._loop._c then C.eddy_pipe_close(self._loop._c, self._id) end
  self._id = false
end

-- Whether anybody wants what comes.
local function is_read(self) return self._fn ~= false or self._whole ~= false end

-- Has the core tell when there is something to read, or not.
local function want(self, on)
  if not self._id then return end
  errors.check(C.eddy_pipe_want(self._loop._c, self._id, on and C.EDDY_READ or 0), "read",
    self._name)
end

-- The next piece of the text that is to be told, and whether a line was cut there; nil: there is
-- none yet.
local function next_piece(self)
  local text, from = self._text, self._from
  if from > #text then return nil end
  if not self._by_line then
    self._from = #text + 1
    return text:sub(from), false
  end
  local to = text:find("\n", self._searched, true)
  local length = (to or #text + 1) - from
  if not to and not self._over and length < LINE_BYTES then
    self._searched = #text + 1
    return nil
  end
  local is_cut = length > LINE_BYTES or not to and not self._over
  if is_cut then length = LINE_BYTES end
  self._from = from + length + (is_cut and 0 or 1)
  self._searched = self._from
  return text:sub(from, from + length - 1), is_cut
end

-- Tells what there is. A function that waits is told nothing meanwhile.
local function tell(self)
  if self._telling then return end
  self._telling = true
  while self._fn do
    local piece, is_cut = next_piece(self)
    if not piece then break end
    if is_cut then
      self._loop:_protect(self, self._fn, piece, true)
    else
      self._loop:_protect(self, self._fn, piece)
    end
  end
  self._telling = false
  want(self, is_read(self))
end

local function finish_whole(self)
  local whole = self._whole
  self._whole = false
  if whole and not whole:done() then whole:set_result(table.concat(whole._parts)) end
end

local function collect(self, text)
  local whole = self._whole
  whole._bytes = whole._bytes + #text
  if whole._bytes <= whole._limit then
    whole._parts[#whole._parts + 1] = text
    return
  end
  self._whole = false
  want(self, false)
  local err = errors.new(errors.numbers.EMSGSIZE, ("%s: more than %d bytes"):format(self._name,
    whole._limit))
  err.is_expected = true
  whole:set_error(err)
end

-- Reads once. Whether there may be more.
local function read(self)
  local buffer = take()
  local size = C.eddy_pipe_read(self._loop._c, self._id, buffer, READ_BYTES)
  local text = size > 0 and ffi.string(buffer, size) or nil
  give(buffer)
  if text and self._whole then
    collect(self, text)
  elseif text then
    self._text = self._text:sub(self._from) .. text
    self._searched, self._from = self._searched - self._from + 1, 1
  elseif size ~= -errors.numbers.EAGAIN then
    close(self)
  end
  return text ~= nil
end

function Output:_handle()
  if self._telling then return want(self, false) end -- a function waits
  read(self)
  if self._over then finish_whole(self) end
  tell(self)
end

local function read_what_is_there(self)
  local reads = 0
  while self._id and reads < LAST_READS and read(self) do reads = reads + 1 end
end

-- Tells what has been written until now.
function Output:_drain()
  if not self._id or self._telling then return end
  read_what_is_there(self)
  tell(self)
end

-- The child has ended: what it wrote is in the pipe. Others that it started may still write there.
function Output:_child_ended()
  if not self._id or self._telling then return end
  read_what_is_there(self)
  finish_whole(self)
  if not self._fn then close(self) end
  tell(self)
end

-- The loop is being closed and takes the core's pipe with it.
function Output:_closing_loop()
  self._id, self._over = false, true
  if self._whole then self._whole:cancel() end
end

function Output:_describe() return self._name end

local function set(self, fn, by_line, what)
  errors.check_function(fn, what, true)
  if self._whole then
    errors.misuse(what .. ": all of " .. self._name .. " is being read already")
  end
  self._fn, self._by_line, self._searched = fn or false, by_line, self._from
  if not self._telling then want(self, fn ~= nil) end
  if fn and self._from <= #self._text then self._loop:add_callback(tell, self) end
end

--- Calls fn(line, is_cut) for each line, without its newline. One above 1 MiB comes in pieces, all
-- but the last with a true `is_cut`. A function that waits, in its coroutine, gets no line
-- meanwhile. nil ends it: what comes then waits for the next function.
---@param fn? fun(line: string, is_cut: boolean): ...
function Output:on_line(fn) set(self, fn, true, "on_line") end

--- As `on_line`, with what comes as it comes.
---@param fn? fun(data: string): ...
function Output:on_data(fn) set(self, fn, false, "on_data") end

-- What the future of the whole output stands for.
local Whole = {}
Whole.__index = Whole

function Whole:_release(cancelled)
  local output = self.output
  if not cancelled or not output._whole then return end
  output._whole = false
  want(output, false)
end

function Whole:_describe() return "all of " .. self.output._name end

--- A future of all that is written from now on, until the child ends or closes it; of nil and
-- EMSGSIZE when that is more than `limit` bytes (16 MiB unless given).
---@return eddy.Future<string>
function Output:read_all(limit)
  limit = limit or OUTPUT_BYTES
  if type(limit) ~= "number" or limit < 0 or limit ~= limit then
    errors.misuse("read_all: expected a number of bytes, got " .. tostring(limit))
  end
  if is_read(self) then errors.misuse("read_all: " .. self._name .. " is being read already") end
  local whole = futures.new(self._loop, setmetatable({ output = self }, Whole))
  whole._limit, whole._bytes, whole._parts = limit, 0, {}
  self._whole = whole
  local before = self._text:sub(self._from)
  self._text, self._from, self._searched = "", 1, 1
  if before ~= "" then collect(self, before) end
  if self._over then finish_whole(self) end
  want(self, is_read(self))
  return whole
end

methods(Output, "output")

function Output:__tostring() return self._name .. (self._over and " (closed)" or "") end

M._class = Output -- for tests

return M
