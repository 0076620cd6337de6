-- The way of received messages from a stream's inbox to its handler: the hot loop.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local watchdog = require "eddy.loop.watchdog"
local lend = require "eddy.stream.lend"
local frames = require "eddy.zmq.frame"
local views = require "eddy.zmq.view"

local C = c.C
local ffi_string = c.ffi.string
local bor = require("bit").bor

-- Messages of so many parts, and turns of so many messages, are read without a loop: LuaJIT
-- compiles a loop apart from the way around it, and gives one up for good that mostly runs once.
local UNROLLED, FEW = 12, 2

local function collect(inbox, head)
  local msg = {}
  for i = 1, inbox.parts[head].more + 1 do
    local part = inbox.parts[head + i - 1]
    if part.size < 0 then
      msg.too_large = true
    else
      msg[i] = ffi_string(part.data, part.size)
    end
  end
  return msg
end

local UNROLLED_SOURCE = [[
local ffi_string, bor = ...
return function(parts, head)
  if bor(%s) < 0 then return nil end -- one is too large
  return { %s }
end]]

-- By the number of parts after the first one, the function that reads all of them, made when the
-- first such message comes.
local unrolled = {}

local function unroll(more)
  local sizes, strings = {}, {}
  for i = 0, more do
    sizes[i + 1] = ("parts[head + %d].size"):format(i)
    strings[i + 1] = ("ffi_string(parts[head + %d].data, parts[head + %d].size)"):format(i, i)
  end
  local source = UNROLLED_SOURCE:format(table.concat(sizes, ", "), table.concat(strings, ", "))
  unrolled[more] = assert(loadstring(source, "=unrolled"))(ffi_string, bor)
  return unrolled[more]
end

-- A message as strings.
local function read(inbox, head)
  local part = inbox.parts[head]
  local more, size = part.more, part.size
  if more == 0 and size >= 0 then return { ffi_string(part.data, size) } end
  if more == 0 or more >= UNROLLED then return collect(inbox, head) end
  return (unrolled[more] or unroll(more))(inbox.parts, head) or collect(inbox, head)
end

-- Frames for the parts of a message; `move` fills them, which cannot be taken back.
local function blank(inbox, head, more)
  if more == 0 then return { frames.of_size(inbox.parts[head].size) } end
  local msg = {}
  for i = 1, more + 1 do msg[i] = frames.of_size(inbox.parts[head + i - 1].size) end
  return msg
end

local function move(inbox, head, msg)
  C.eddy_inbox_take(inbox, head, msg[1]) -- mostly that is all, and a loop is compiled apart
  for i = 2, #msg do C.eddy_inbox_take(inbox, head + i - 1, msg[i]) end
end

local M = {}

--- Takes the next message out of a stream's inbox: strings, frames, or views.
-- @param anyway whether to do so without a handler, too
-- @return the message and the handler, and for views the loan, to be given back once that has
-- ended; nil when there is none
function M.take(self, inbox, anyway)
  local loan = self._copy == "view" and views.take()
  local msg, fn
  repeat
    inbox.busy = 1
    local head = inbox.head
    fn = self._on_recv
    if head >= inbox.tail or not (fn or anyway) then
      inbox.busy = 0
      if loan then loan:give_back() end
      return nil
    end
    local copy, more, lent = self._copy, inbox.parts[head].more, nil
    if copy ~= "view" then
      msg = copy and read(inbox, head) or blank(inbox, head, more)
    elseif loan then
      msg, lent = views.of(inbox, head, loan)
    end
    local is_same = self._on_recv == fn and self._copy == copy and (copy ~= "view" or lent)
    if not is_same then
      loan = loan or copy == "view" and views.take()
    elseif copy == "view" then
      C.eddy_inbox_lend(inbox, loan, lent)
    else
      if not copy then move(inbox, head, msg) end
      inbox.head = head + more + 1
    end
    inbox.busy = 0
  until is_same
  return msg, fn, loan or nil
end

-- Hands over the next message; true when another one may be. `head` moves before the handler runs:
-- an error costs that message alone, and a handler that pauses, closes or stops finds all in order.
-- It does not move when what ran in the middle (a finalizer, a hook) paused or closed the stream.
local function deliver(self, inbox, loop, this)
  local fn = self._on_recv
  if not fn or loop._stop then return false end
  inbox.busy = 1
  local head = inbox.head
  if head >= inbox.tail then -- a flush ran just before
    inbox.busy = 0
    return false
  end
  local copy, more = self._copy, inbox.parts[head].more
  if copy == "view" then
    inbox.busy = 0
    lend(self, inbox)
    return false
  end
  local msg = copy and read(inbox, head) or blank(inbox, head, more)
  local is_same = self._on_recv == fn and self._copy == copy
  if is_same then
    if not copy then move(inbox, head, msg) end
    inbox.head = head + more + 1
  end
  inbox.busy = 0
  if is_same then
    if msg.too_large then
      error(errors.new(errors.numbers.EMSGSIZE, "a frame of 2 GiB or more"), 0)
    end
    if watchdog.on then watchdog.beat() end
    fn(msg)
    if loop._run ~= this then return false end -- it waited, and others took over
    if inbox.is_timed ~= 0 then C.eddy_stream_lap(loop._c) end
  end
  return inbox.head < inbox.tail
end

-- Whether there are more than a few messages, if all have as many parts as the first one.
local function is_long(inbox)
  inbox.busy = 1
  local head, left = inbox.head, inbox.tail - inbox.head
  local answer = left > 0 and left > FEW * (inbox.parts[head].more + 1)
  inbox.busy = 0
  return answer
end

--- Hands a stream's handler what is in its inbox.
function M.drain(self, inbox)
  local loop = self.loop
  local this = loop._run
  if not is_long(inbox) then
    local has_more = deliver(self, inbox, loop, this) and deliver(self, inbox, loop, this)
    if not has_more then return end
  end
  while deliver(self, inbox, loop, this) do end
end

return M
