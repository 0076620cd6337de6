-- The way of received messages from a stream's inbox to its handler: the hot loop.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local watchdog = require "eddy.loop.watchdog"
local lend = require "eddy.stream.lend"
local frames = require "eddy.zmq.frame"
local views = require "eddy.zmq.view"

local C = c.C
local ffi_string = c.ffi.string

local function collect(inbox, head)
  local msg, count = {}, 0
  repeat
    local part = inbox.parts[head]
    head, count = head + 1, count + 1
    if part.size < 0 then
      msg.too_large = true
    else
      msg[count] = ffi_string(part.data, part.size)
    end
  until part.more == 0
  return msg, head
end

-- Frames for the parts of a message; `move` fills them, which cannot be taken back.
local function blank(inbox, head)
  local msg, count = {}, 0
  repeat
    head, count = head + 1, count + 1
    msg[count] = frames.of_size(inbox.parts[head - 1].size)
  until inbox.parts[head - 1].more == 0
  return msg, head
end

local function move(inbox, head, msg)
  C.eddy_inbox_take(inbox, head, msg[1]) -- mostly that is all, and a loop is compiled apart
  for i = 2, #msg do C.eddy_inbox_take(inbox, head + i - 1, msg[i]) end
end

local M = {}

--- Takes the next message out of a stream's inbox: strings, or frames.
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
    local copy, after = self._copy
    if copy ~= "view" then
      msg, after = (copy and collect or blank)(inbox, head)
    elseif loan then
      msg, after = views.of(inbox, head, loan)
    end
    local is_same = self._on_recv == fn and self._copy == copy and after
    if not is_same then
      loan = loan or copy == "view" and views.take()
    elseif copy == "view" then
      C.eddy_inbox_lend(inbox, loan, after)
    else
      if not copy then move(inbox, head, msg) end
      inbox.head = after
    end
    inbox.busy = 0
  until is_same
  return msg, fn, loan or nil
end

-- A message of two or three parts, the commonest after those of one, without a loop: LuaJIT
-- compiles a loop apart from the way around it. Any other is left to `collect`.
local function collect_few(inbox, head, first)
  local second = inbox.parts[head + 1]
  if first.size < 0 or second.size < 0 then return collect(inbox, head) end
  if second.more == 0 then
    return { ffi_string(first.data, first.size), ffi_string(second.data, second.size) }, head + 2
  end
  local third = inbox.parts[head + 2]
  if third.more ~= 0 or third.size < 0 then return collect(inbox, head) end
  return { ffi_string(first.data, first.size), ffi_string(second.data, second.size),
    ffi_string(third.data, third.size) }, head + 3
end

-- Hands a stream's handler what is in its inbox. `head` moves before the handler runs: an error
-- costs that message alone, and a handler that pauses, closes or stops finds all in order. It does
-- not move when what ran in the middle (a finalizer, a hook) paused or closed the stream.
function M.drain(self, inbox)
  local loop = self.loop
  local this = loop._run
  while inbox.head < inbox.tail do
    local fn = self._on_recv
    if not fn or loop._stop then return end
    inbox.busy = 1
    local head = inbox.head
    if head >= inbox.tail then break end -- a flush ran just before
    local part = inbox.parts[head]
    local copy, after, msg = self._copy, head + 1
    if copy == "view" then
      inbox.busy = 0
      return lend(self, inbox)
    elseif not copy then
      if part.more == 0 then
        msg = { frames.of_size(part.size) }
      else
        msg, after = blank(inbox, head)
      end
    elseif part.more ~= 0 then
      msg, after = collect_few(inbox, head, part)
    elseif part.size >= 0 then
      msg = { ffi_string(part.data, part.size) }
    else
      msg = collect(inbox, head)
    end
    local is_same = self._on_recv == fn and self._copy == copy
    if is_same then
      if not copy then move(inbox, head, msg) end
      inbox.head = after
    end
    inbox.busy = 0
    if is_same then
      if msg.too_large then
        error(errors.new(errors.numbers.EMSGSIZE, "a frame of 2 GiB or more"), 0)
      end
      if watchdog.on then watchdog.beat() end
      fn(msg)
      if loop._run ~= this then return end -- it waited, and others took over
    end
  end
  inbox.busy = 0
end

return M
