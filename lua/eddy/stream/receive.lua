-- The way of received messages from a stream's inbox to its handler: the hot loop.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local watchdog = require "eddy.loop.watchdog"
local frames = require "eddy.zmq.frame"

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

local function collect_frames(inbox, head)
  local msg, count = {}, 0
  repeat
    local frame = frames.empty()
    C.eddy_inbox_take(inbox, head, frame)
    head, count = head + 1, count + 1
    msg[count] = frame
  until frame._more == 0
  return msg, head
end

local M = {}

-- Takes the next message out of an inbox that has one: strings, or frames.
function M.take(inbox, copy)
  local msg
  if copy then
    msg, inbox.head = collect(inbox, inbox.head)
  else
    msg, inbox.head = collect_frames(inbox, inbox.head)
  end
  return msg
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
-- costs that message alone, and a handler that pauses, closes or stops finds all in order.
function M.drain(self, inbox)
  local loop = self.loop
  local this = loop._run
  while inbox.head < inbox.tail do
    local fn = self._on_recv
    if not fn or loop._stop then return end
    local head = inbox.head
    local part = inbox.parts[head]
    local msg
    if not self._copy then
      msg, inbox.head = collect_frames(inbox, head)
    elseif part.more == 0 and part.size >= 0 then
      msg = { ffi_string(part.data, part.size) }
      inbox.head = head + 1
    else
      if part.more == 0 then
        msg, head = collect(inbox, head)
      else
        msg, head = collect_few(inbox, head, part)
      end
      inbox.head = head
      if msg.too_large then
        error(errors.new(errors.numbers.EMSGSIZE, "a frame of 2 GiB or more"), 0)
      end
    end
    if watchdog.on then watchdog.beat() end
    fn(msg)
    if loop._run ~= this then return end -- it waited, and others took over
  end
end

return M
