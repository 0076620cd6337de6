-- As loop_calls, of what ends in order.
local eddy = require "eddy"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local calls = {}

-- Two joined sockets over tcp: what comes over inproc is received to the end.
local function joined(of, type_a, type_b)
  local a = of:socket(type_a, { linger = 0, bind = "tcp://127.0.0.1:*" })
  return a, of:socket(type_b, { linger = 0, connect = a.last_endpoint })
end

function calls.endings(loop)
  local got, left = { loop:stopping() }, nil
  local a, b = support.streams(zmq.PAIR, zmq.PAIR, "tcp")
  b:keep_receiving()
  b:keep_receiving(false)
  b:on_recv(function(msg)
    left = left or loop:stop_gracefully(5000)
    eddy.sleep(1)
    got[#got + 1] = msg[1]
  end)
  local handle = loop:on_stop(function(reason)
    got.stopping = { loop:stopping(), tostring(reason) }
    eddy.sleep(1)
    got.stopped = true
  end)
  loop:on_stop(print):cancel()
  loop:call_later(60000, print):unref():ref():unref()
  loop:spawn(eddy.sleep, 60000):unref():ref():unref()
  local interrupted = loop:spawn(function() return select(2, pcall(eddy.sleep, 60000)) end)
  loop:call_later(1, function() interrupted:interrupt "enough" end)
  interrupted:add_done_callback(function() got.interrupted = interrupted:result() end)
  a:send "in hand"
  loop:start()
  got.left = left:result()
  handle:cancel()
  return got
end

for _, kind in ipairs { "async", "green" } do
  calls[kind .. "_endings"] = function(loop)
    local context = eddy[kind].context()
    local a, b = joined(context, zmq.DEALER, zmq.DEALER)
    local c, d = joined(context, zmq.DEALER, zmq.DEALER)
    local got, left = {}, nil
    c:keep_receiving()
    eddy.loop.make_current(loop)
    local function await(value)
      if kind == "async" then return value:await() end
      return value
    end
    loop:spawn(function()
      while true do
        local msg = await(a:recv())
        left = left or loop:stop_gracefully(5000)
        await(c:send(msg))
        got[#got + 1] = await(c:recv())
      end
    end)
    loop:spawn(function() await(d:send(await(d:recv()) .. " answered")) end)
    await(b:send "question")
    d:keep_receiving()
    loop:start()
    got.left = #left:result()
    eddy.loop.clear_current()
    context:destroy(0)
    return got
  end
end

return calls
