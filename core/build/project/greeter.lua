-- A server that greets whoever asks.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local M = {}

--- Starts one.
-- @param settings `endpoint`, where it is bound; for specs also `context` and `loop`
-- @return { endpoint = the one that it has, count = of requests, close = a function that ends it }
function M.start(settings)
  local context = settings.context or zmq.instance()
  local stream = eddy.stream(context:socket(zmq.REP), settings.loop)
  local server = { endpoint = stream:bind(settings.endpoint), count = 0 }
  stream:on_recv(function(msg)
    server.count = server.count + 1
    stream:send("hello, " .. msg[1])
  end)
  function server.close() stream:close() end
  return server
end

return M
