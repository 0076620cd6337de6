local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

describe("zmq.proxy and its kin", function()
  before_each(support.open)
  after_each(support.close)

  -- Three joined pairs, and a control socket that has been told to end the relay.
  local function sockets(front_type, left_type)
    local front, left = support.pair(front_type or zmq.PAIR, left_type or zmq.PAIR)
    local back, right = support.pair(zmq.PAIR, zmq.PAIR)
    local mon, watcher = support.pair(zmq.PUSH, zmq.PULL)
    local ctrl, control = support.pair(zmq.PAIR, zmq.PAIR)
    control:send("TERMINATE")
    return { front = front, left = left, back = back, right = right, mon = mon, watcher = watcher,
      ctrl = ctrl }
  end

  it("relays until it is told to terminate, and leaves the sockets open", function()
    local s = sockets()
    for i = 1, 3 do
      s.left:send_multipart { "m", tostring(i) }
    end
    assert.is_true(zmq.proxy_steerable(s.front, s.back, s.mon, s.ctrl))
    for i = 1, 3 do
      assert.same({ "m", tostring(i) }, s.right:recv_multipart(zmq.DONTWAIT))
      assert.same({ "m", tostring(i) }, s.watcher:recv_multipart(zmq.DONTWAIT))
    end
    s.front:send("still open")
    assert.equal("still open", s.left:recv())
  end)

  it("ends in order at a signal, and says so", function()
    for _, call in ipairs { "zmq.proxy(front, back)", "zmq.device(zmq.QUEUE, front, back)",
      "zmq.device(zmq.QUEUE, front)", "zmq.proxy(front, back, mon)",
      "zmq.monitored_queue(front, back, mon)" } do
      for _, signal in ipairs { "INT", "TERM" } do
        local out, code = support.script([[
          local zmq = require "eddy.zmq"
          local front = zmq.instance():socket(zmq.ROUTER, { bind = "inproc://in" })
          local back = zmq.instance():socket(zmq.DEALER, { bind = "inproc://out" })
          local mon = zmq.instance():socket(zmq.PUB, { bind = "inproc://mon" })
          ]] .. support.interrupt_soon(signal) .. [[
          local ok, err = ]] .. call .. [[ print(ok, err.name)]])
        assert.equal("nil\tEINTR\n", out)
        assert.equal(0, code)
      end
    end
  end)

  it("a signal ends a loop whose handler relays, too", function()
    local out, code = support.script([[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local loop = eddy.loop.instance()
      loop:call_later(60000, print, "never")
      loop:add_callback(function()
        local pull = zmq.instance():socket(zmq.PULL)
        os.execute("(sleep 0.1; kill -TERM $PPID) &")
        print(select(2, zmq.proxy(pull, zmq.instance():socket(zmq.PUSH))).name)
      end)
      loop:start() print("after")]])
    assert.equal("EINTR\nafter\n", out)
    assert.equal(0, code)
  end)

  it("refuses what is no socket, a closed one, and one under a stream", function()
    local s = sockets()
    local function refused(text, fn, ...)
      local ok, err = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches(text, tostring(err), 1, true)
    end
    refused("proxy: in: expected a socket, got nil", zmq.proxy)
    refused("proxy: out: expected a socket, got number", zmq.proxy, s.front, 5)
    refused("proxy: mon: expected a socket, got string", zmq.proxy, s.front, s.back, "x")
    refused("device: in: expected a socket, got number", zmq.device, zmq.QUEUE, 1, 2)
    refused("monitored_queue: mon: expected a socket", zmq.monitored_queue, s.front, s.back)
    refused("out_prefix: expected a string", zmq.monitored_queue, s.front, s.back, s.mon, "in", {})
    refused("EINVAL", zmq.proxy, s.front, s.back, s.front)
    local loop = require("eddy").loop.new()
    local stream = require("eddy").stream(s.left, loop)
    refused("EBUSY", zmq.proxy, s.left, s.back)
    stream:close()
    loop:close()
    s.back:close()
    refused("ENOTSOCK", zmq.proxy, s.front, s.back)
  end)
end)
