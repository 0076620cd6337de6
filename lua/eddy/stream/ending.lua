-- A stream whose loop is ending: methods of a stream's.
local c = require "eddy.base.libeddy"

local C = c.C

local M = { methods = {} }
---@class eddy.Stream
local Stream = M.methods

--- Whether what a socket receives belongs to work that this process has begun: a REQ's are answers,
-- and over inproc it talks with itself.
function M.is_own(socket)
  if socket._type == "REQ" then return true end
  local ok, endpoint = pcall(socket.get, socket, "LAST_ENDPOINT")
  return ok and endpoint:find("^inproc:") ~= nil
end

local function receive(self)
  if not self._id or not self._on_recv or self._waiting then return end
  C.eddy_stream_receive(self.loop._c, self._id, self._receive)
end

--- Says that what the stream receives are answers, for which handlers and tasks may wait: they are
-- received while the loop ends, too. What a REQ receives, or comes over inproc, is without being
-- asked.
-- @param on false takes it back
function Stream:keep_receiving(on)
  self:_check_open("keep_receiving")
  self._keeps = on ~= false
  if self._keeps then self:_loop_goes_on() end
end

-- It takes no new messages. What was received is still handled, as long as there is time.
function Stream:_loop_ends(ending)
  if self._receive ~= C.EDDY_RECEIVE or self._keeps or rawget(self, "_listeners") then return end
  if self.socket and M.is_own(self.socket) then return end
  self._receive = C.EDDY_RECEIVE_REST
  local fn = self._on_recv
  if fn then
    self._before = fn
    self._on_recv = function(msg)
      fn(msg)
      ending:handled()
    end
    self._at_end = self._on_recv
  end
  receive(self)
end

-- The loop has ended, and may run again.
function Stream:_loop_goes_on()
  if self._receive ~= C.EDDY_RECEIVE_REST then return end
  self._receive = nil -- as all streams do
  if self._at_end and self._on_recv == self._at_end then self._on_recv = self._before end
  self._at_end, self._before = nil, nil
  receive(self)
end

return M
