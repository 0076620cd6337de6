-- Which sockets never receive, and which never send.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"

local band = require("bit").band
local POLLIN, POLLOUT = constants.POLLIN, constants.POLLOUT

local M = {
  --- By the names of their types.
  never_receives = { PUSH = true, PUB = true },
  never_sends = { PULL = true, SUB = true },
}

--- What a socket can ever be ready for: of zmq.POLLIN and POLLOUT.
function M.possible(socket)
  return (M.never_receives[socket._type] and 0 or POLLIN) +
    (M.never_sends[socket._type] and 0 or POLLOUT)
end

local function refuse(socket, verb, what, name)
  error(errors.new(errors.numbers.ENOTSUP, ("%s: %s: a %s socket cannot %s"):format(what,
    tostring(name or socket), socket._type, verb)), 0)
end

--- Raises ENOTSUP for a socket that never receives.
-- @param what the call
-- @param name of the stream that has the socket
function M.check_receives(socket, what, name)
  if M.never_receives[socket._type] then refuse(socket, "receive", what, name) end
end

--- Raises ENOTSUP for a socket that never sends.
function M.check_sends(socket, what, name)
  if M.never_sends[socket._type] then refuse(socket, "send", what, name) end
end

--- Raises ENOTSUP when something is waited for, and none of it can ever be.
-- @param events zmq.POLLIN, POLLOUT, or both
function M.check_events(socket, events, what, name)
  local receives, sends = band(events, POLLIN) ~= 0, band(events, POLLOUT) ~= 0
  if receives and not sends then M.check_receives(socket, what, name) end
  if sends and not receives then M.check_sends(socket, what, name) end
end

--- The same for a wait that has no end: with one, the answer is that nothing was ready.
-- @param timeout ms; nil or negative: for ever
function M.check_poll(socket, timeout, events)
  if timeout and timeout >= 0 and timeout < math.huge then return end
  M.check_events(socket, events or POLLIN, "poll")
end

return M
