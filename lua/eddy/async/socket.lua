-- What sockets that do not block the loop do: send and receive without waiting, and where they
-- stand in line when they have to.
local parts = require "eddy.async.parts"
local wait_queue = require "eddy.async.wait_queue"
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local ownership = require "eddy.tasks.ownership"
local socket_options = require "eddy.zmq.options"
local Socket = require "eddy.zmq.socket"

local check_self = errors.check_self

local M = {}

--- The methods of a class of sockets that send and receive.
-- @param perform perform(self, operation, data, flags, last): does an operation. It has a
-- `name`, `try(socket, data, flags, last)`, the name of its `list` in the line, and the
-- `timeout`: the option that says how long it may wait.
-- @param closed fn(future, line): what becomes of those in line when the socket is closed
-- @param suspends whether a call that waits suspends its coroutine
function M.methods(perform, closed, suspends)
  local methods, owner = {}, suspends and ownership.waiting or ownership.current

  --- The socket's line.
  function methods:_line_of()
    local own = wait_queue.new(self, closed, owner)
    rawset(self, "_line", own)
    return own
  end

  --- Says that what the socket receives are answers to what it has sent: they are received while
  -- the loop ends, too, and a task that waits for its first one is under way.
  -- @param on false takes it back
  function methods:keep_receiving(on)
    self:_open_id("keep_receiving")
    local own = self._line or self:_line_of()
    own:keep_receiving(on ~= false)
  end

  --- As the plain socket's; RCVMORE is for whoever took the first part alone.
  function methods:get(option)
    local own = self._line
    if own and (option == constants.RCVMORE or socket_options.option_name(option) == "RCVMORE") then
      self:_open_id("get")
      return parts.has_more(own) and 1 or 0
    end
    return Socket.get(self, option)
  end

  for name, plain in pairs { recv = Socket._recv_part, recv_multipart = Socket.recv_multipart } do
    local operation = { name = name, list = "receives", timeout = constants.RCVTIMEO,
      is_whole = name == "recv_multipart" }
    function operation.try(socket, copy, flags) return plain(socket, flags, copy) end
    methods[name] = function(self, flags, copy)
      check_self(self, name, "socket")
      return perform(self, operation, copy, flags or 0)
    end
  end

  for _, name in ipairs { "send", "send_multipart" } do
    local plain = Socket[name]
    local operation = { name = name, list = "sends", timeout = constants.SNDTIMEO, is_whole = true }
    function operation.try(socket, data, flags, track)
      return plain(socket, data, flags, nil, track)
    end
    methods[name] = function(self, data, flags, copy, track) -- luacheck: no unused args
      check_self(self, name, "socket")
      return perform(self, operation, data, flags or 0, track)
    end
  end

  return methods
end

return M
