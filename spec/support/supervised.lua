-- What the specs of `stream:supervise` share: streams that are supervised, servers that break the
-- protocol, and ways to wait.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

local M = {}

M.QUICK = { first = 100, longest = 100 }
M.BAD = ("x"):rep(2000) -- which no client here may take

local loop, context

--- A loop and a context for one test; to be closed by `close`.
function M.open()
  loop, context = support.open()
  return loop, context
end

--- Closes them. That libzmq gave something up may have been logged.
function M.close()
  support.take_log()
  support.close()
end

--- A server, which pushes unless it is of another type, at a free port unless an endpoint is given.
function M.server(endpoint, type_number)
  return context:socket(type_number or zmq.PUSH,
    { linger = 0, bind = endpoint or "tcp://127.0.0.1:*" })
end

--- A supervised stream, and its events by name: lists.
function M.client(settings, type_number)
  local stream = eddy.stream(context:socket(type_number or zmq.PULL,
    { linger = 0, maxmsgsize = 1000 }), loop)
  local events = setmetatable({}, { __index = function(self, name)
    self[name] = {}
    return self[name]
  end })
  stream:on_event(function(event) table.insert(events[event.name], event) end)
  stream:supervise(settings)
  return stream, events
end

--- Runs the loop until a condition holds.
function M.wait(condition)
  local check = loop:call_every(1, function()
    if condition() then loop:stop() end
  end)
  support.run(loop, 10000)
  check:cancel()
end

function M.wait_for(events, name, count)
  M.wait(function() return #events[name] >= count end)
end

--- Sends what the client must not take, and waits until it is connected again.
function M.break_and_recover(from, events)
  local resets, handshakes = #events.ENDPOINT_RESET, #events.HANDSHAKE_SUCCEEDED
  from:send(M.BAD)
  M.wait_for(events, "ENDPOINT_RESET", resets + 1)
  M.wait_for(events, "HANDSHAKE_SUCCEEDED", handshakes + 1)
end

--- Binds a server where another one was: as soon as libzmq has let go of it.
function M.replace(old, type_number)
  local endpoint, new = old.last_endpoint, nil
  old:close()
  M.wait(function()
    local ok, made = pcall(M.server, endpoint, type_number)
    new = ok and made
    return new
  end)
  return new
end

return M
