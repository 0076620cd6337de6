local eddy = require "eddy"
local green = require "eddy.green"
local sockets = require "spec.lua.async.support"
local zmq = require "eddy.zmq"

describe("eddy.green's device and proxy", function()
  local loop, plain, context
  sockets.each(green, function(...) loop, plain, context = ... end)

  local run, lonely = sockets.run, sockets.lonely

  -- G9
  it("hand on whole messages both ways, while other coroutines run", function()
    run(function()
      local front, back = lonely(zmq.ROUTER), lonely(zmq.DEALER)
      local capture = lonely(zmq.PUB)
      local tap = plain:socket(zmq.SUB, { subscribe = "", connect = capture.last_endpoint })
      local device = loop:spawn(green.proxy, front, back, capture)
      local worker = context:socket(zmq.REP, { linger = 0, connect = back.last_endpoint })
      loop:spawn(function()
        while true do
          local msg = worker:recv_multipart()
          if not msg then return end
          worker:send_multipart { "re", unpack(msg) }
        end
      end)
      local clients = {}
      for i = 1, 20 do
        clients[i] = loop:spawn(function()
          local req = context:socket(zmq.REQ, { linger = 0, connect = front.last_endpoint })
          for n = 1, 10 do
            req:send_multipart { "q" .. i, tostring(n) }
            assert.same({ "re", "q" .. i, tostring(n) }, req:recv_multipart())
          end
        end)
      end
      eddy.gather(clients):await()
      assert.is_true(tap:poll(1000) ~= 0)
      assert.is_true(device:cancel())
      eddy.sleep(0)
      assert.is_false(front._line.receives.first and true)
      tap:close()
    end)
  end)

  it("with one socket give back what it sends; end with an error", function()
    run(function()
      local rep = lonely(zmq.REP)
      local device = loop:spawn(green.device, zmq.QUEUE, rep, -1)
      local req = context:socket(zmq.REQ, { linger = 0, connect = rep.last_endpoint })
      req:send("x")
      assert.equal("x", req:recv())
      rep:close()
      local ok, err = pcall(device.await, device)
      assert.is_false(ok)
      assert.equal("ENOTSOCK", err.name)
      assert.error_matches(function() green.device(1, plain:socket(zmq.REP)) end,
        "device: expected a socket of eddy.green, got REP socket")
      assert.error_matches(function() green.proxy(req, req, 7) end,
        "proxy: expected a socket of eddy.green, got 7")
      assert.error_matches(function() green.proxy(req, plain:socket(zmq.REP)) end,
        "proxy: expected a socket of eddy.green, got REP socket")
      assert.error_matches(function() green.proxy(7, 7) end, "expected a socket of eddy.green")
    end)
  end)

  it("that are cancelled while they cannot send have no message in hand", function()
    run(function()
      local front, back = lonely(zmq.PULL), lonely(zmq.PUSH)
      local device = loop:spawn(green.device, zmq.STREAMER, front, back)
      local push = plain:socket(zmq.PUSH, { linger = 0, connect = front.last_endpoint })
      for i = 1, 10 do push:send(tostring(i)) end
      eddy.sleep(2)
      device:cancel()
      eddy.sleep(2)
      assert.equal("1", front:recv())
      push:close()
    end)
  end)

  it("leaves out what would block the loop", function()
    assert.is_nil(require("eddy.green").proxy_steerable)
    assert.is_nil(require("eddy.green").monitored_queue)
    local async = require "eddy.async"
    for _, name in ipairs { "select", "device", "proxy", "proxy_steerable", "monitored_queue" } do
      assert.is_function(zmq[name])
      assert.is_nil(async[name])
    end
  end)
end)
