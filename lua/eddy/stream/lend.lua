-- The way of messages that are lent: from a stream's inbox to a handler that takes views.
local c = require "eddy.base.libeddy"
local watchdog = require "eddy.loop.watchdog"
local views = require "eddy.zmq.view"

local C = c.C

-- Each message is lent by the same loan until its handler has ended: when the next is lent, or
-- the loan is given back. The inbox keeps for a handler that waits what it has.
local function drain(self, inbox, loan)
  local loop = self.loop
  local this = loop._run
  while inbox.head < inbox.tail do
    local fn = self._on_recv
    if not fn or loop._stop or self._copy ~= "view" then return end
    inbox.busy = 1
    local head = inbox.head
    if head >= inbox.tail then break end -- a flush ran just before
    local msg, count = views.of(inbox, head, loan)
    local is_same = self._on_recv == fn and self._copy == "view"
    if is_same then C.eddy_inbox_lend(inbox, loan, count) end
    inbox.busy = 0
    if is_same then
      if watchdog.on then watchdog.beat() end
      fn(msg)
      if loop._run ~= this then return end -- it waited, and others took over
      if inbox.is_timed ~= 0 then C.eddy_stream_lap(loop._c) end
    end
  end
  inbox.busy = 0
end

--- Hands a stream's handler what is in its inbox, as views. What an error ends has its loan in the
-- run, see eddy.loop.dispatch.
return function(self, inbox)
  local this, loan = self.loop._run, views.take()
  this.loan = loan
  drain(self, inbox, loan)
  this.loan = false
  loan:give_back()
end
