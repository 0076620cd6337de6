-- What the specs of a REP's stream share: the stream, its clients, and what becomes of requests.
local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local M = {}

local loop, context, server

--- Opens a loop and a context before each test of the spec that calls this, and closes after it.
-- @param set set(loop, context)
function M.each(set)
  support.each(setfenv(function(...)
    loop, context, server = ...
    set(loop, context)
  end, getfenv(set)))
end

--- The stream of a bound REP.
function M.open(transport)
  local endpoint = transport == "tcp" and "tcp://127.0.0.1:*" or support.inproc()
  server = eddy.stream(context:socket(zmq.REP, { linger = 0, bind = endpoint }), loop)
  return server
end

--- A plain REQ that is connected to it.
function M.client()
  return context:socket(zmq.REQ, { linger = 0, connect = server.socket.last_endpoint })
end

--- Runs the loop until fn() is true.
function M.wait_for(fn)
  local timer = loop:call_every(1, function() if fn() then loop:stop() end end)
  support.run(loop)
  timer:cancel()
end

--- Sends a request, and returns the frames of its reply as one text.
function M.ask(req, text)
  local reply
  req:send(text)
  M.wait_for(function()
    reply = reply or req:recv_multipart(zmq.DONTWAIT)
    return reply
  end)
  return table.concat(reply, "|")
end

--- What a function raises.
function M.error_of(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("it raises nothing", 2) end
  return err
end

return M
