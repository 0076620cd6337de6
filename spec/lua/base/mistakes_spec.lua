local eddy = require "eddy"
local nearest = require "eddy.base.nearest"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

-- What users get wrong, and what they are told.
describe("a mistake is told at its line:", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function told(expected, fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.message(tostring(err)).truthy(tostring(err):find(expected, 1, true))
    return tostring(err)
  end

  it("a dot for a colon", function()
    local stream = eddy.stream(context:socket(zmq.SUB, { subscribe = "" }), loop)
    local socket = context:socket(zmq.REQ)
    local err = told("send: it is a method, and is called with a colon: stream:send(...)",
      function() stream.send("x") end)
    assert.matches("mistakes_spec.lua:%d+: send: it", err)
    told("stream:send_multipart(", function() stream.send_multipart({ "x" }) end)
    told("stream:on_recv(", function() stream.on_recv(print) end)
    told("stream:close(", function() stream.close() end)
    told("socket:recv(", function() socket.recv() end)
    told("socket:send(", function() socket.send("x") end)
    told("socket:bind(", function() socket.bind("inproc://x") end)
    told("socket:subscribe(", function() socket.subscribe("x") end)
    told("socket:close(", function() socket.close() end)
    told("context:socket(", function() context.socket(zmq.REQ) end)
    told("context:term(", function() context.term "x" end)
    told("loop:start(", function() loop.start() end)
    told("loop:stop(", function() loop.stop() end)
    told("loop:time(", function() loop.time() end)
    told("loop:call_later(", function() loop.call_later(10, print) end)
    told("loop:call_every(", function() loop.call_every(10, print) end)
    told("loop:add_handler(", function() loop.add_handler(0, print) end)
    told("loop:on_signal(", function() loop.on_signal("SIGHUP", print) end)
    told("loop:spawn(", function() loop.spawn(print) end)
    told("loop:add_callback(", function() loop.add_callback(print) end)
  end)

  it("the same where nobody catches it", function()
    local code, _, err = process.eddy("-e",
      "require 'eddy.future'.new().await()")
    assert.equal(1, code)
    assert.matches("^eddy: %(%-e%):1: await: it is a method, and is called with a colon: " ..
      "future:await%(", err)
  end)

  it("a method of a loop that is asked of the module", function()
    told("loop.start: it is a method of a loop: loop.instance():start(...)",
      function() eddy.loop.start() end)
    told("loop.instance():call_later(", function() eddy.loop.call_later(1, print) end)
    assert.is_nil(eddy.loop.nothing)
    assert.is_nil(eddy.loop._targets)
  end)

  it("a name that is nearly right", function()
    told("no such option: 'binds' (did you mean bind?)", context.socket, context, zmq.PULL,
      { binds = "inproc://x" })
    local socket = context:socket(zmq.PULL)
    told("no option 'rcvhmw' (did you mean rcvhwm?)", function() socket.rcvhmw = 1 end)
    told("'recv_multpart' (did you mean recv_multipart?)", function() socket:recv_multpart() end)
    told("no option 'insecur' (did you mean insecure?)", function() socket.insecur = true end)
    assert.is_nil(told("no option 'frobnicate'", function() socket.frobnicate = 1 end):find "mean")
    told("'lat' (did you mean last?)", function()
      require "eddy.base.errors".check_fields({ lat = 1 }, { last = true, first = true }, "x")
    end)
    assert.equal("", nearest(7, { a = 1 }))
    assert.equal("", nearest(("x"):rep(1e6), { a = 1 }))
    assert.equal(" (did you mean ab?)", nearest("abc", { ab = 1, abd_ = 1, _abc = 1 }))
  end)

  it("a number of milliseconds that is none", function()
    told('call_every: expected a number of milliseconds, got string "1s"',
      loop.call_every, loop, "1s", print)
    told("got boolean true", loop.call_later, loop, true, print)
    told("...", loop.call_later, loop, ("x"):rep(1000), print)
  end)

  it("an endpoint that is none", function()
    local socket = context:socket(zmq.PULL)
    local function endpoint(text, expected)
      local err = told(expected, socket.bind, socket, text)
      assert.equal("bind " .. text .. ": ", err:sub(1, #text + 7))
      told(expected, socket.connect, socket, text)
    end
    endpoint("127.0.0.1:5555", "an endpoint begins with its transport: tcp://127.0.0.1:5555")
    endpoint("*:5555", ": tcp://*:5555: ")
    endpoint("[::1]:5555", ": tcp://[::1]:5555: ")
    endpoint("tcp:/127.0.0.1:5555", ": tcp://127.0.0.1:5555: ")
    endpoint("/tmp/x", ": ipc:///tmp/x: ")
    endpoint("./x/y", ": ipc://./x/y: ")
    endpoint("nonsense", "begins with its transport, as tcp://127.0.0.1:5555")
    endpoint("", "the endpoint is empty")
    endpoint("tcp://127.0.0.1", "it has no port")
    endpoint("tcp://127.0.0.1:99999", "a port is a number up to 65535, not '99999'")
    endpoint("tcp://127.0.0.1:http", "not 'http'")
    endpoint("http://127.0.0.1:80", "libzmq has no transport 'http' here")
    endpoint("ipc://", "there is nothing after ipc://")
    for _, call in ipairs { "bind", "connect", "unbind", "disconnect" } do
      for _, transport in ipairs { "tcp://", "ipc://", "inproc://", "" } do
        local long = transport .. ("x"):rep(1e6)
        local err = told(("endpoint of %d bytes, at most 1024"):format(#long), socket[call], socket,
          long)
        assert.is_true(#err < 300)
      end
      told("it has a zero byte", socket[call], socket, "inproc://a\0b")
    end
    told("needs the option ipv6", socket.connect, socket, "tcp://[::1]:5555")
  end)

  it("a subscription of what never subscribes", function()
    local socket = context:socket(zmq.PUB)
    told("only a SUB socket subscribes", socket.subscribe, socket, "")
    told("only a SUB socket subscribes", function() socket.subscribe = "" end)
  end)

  it("a receive that waited in vain names its socket", function()
    local socket = context:socket(zmq.PULL, { bind = support.inproc(), rcvtimeo = 1 })
    local _, err = socket:recv()
    assert.equal(zmq.EAGAIN, err.code)
    assert.matches("^recv: PULL socket at inproc://.*: the time is up: ", tostring(err))
    local _, again = socket:recv(zmq.DONTWAIT)
    assert.equal(require "eddy.base.errors".again, again)
  end)
end)

describe("a SUB stream without a subscription", function()
  local testing = require "eddy.testing"
  local case, streams
  before_each(function()
    case, streams = testing.new(), {}
    case:virtual_time()
  end)
  after_each(function()
    for _, stream in ipairs(streams) do stream:close(0) end
    case:close()
  end)

  local function sub(settings)
    local stream = eddy.stream(zmq.instance():socket(zmq.SUB, settings), case.loop)
    stream:on_recv(print)
    streams[#streams + 1] = stream
    return stream
  end

  it("is told of in the log, once", function()
    testing.expect_log("it has no subscription", function()
      sub()
      case:advance(1100)
    end)
    case:advance(5000)
  end)

  it("is not, when it subscribes within a second, or when it is made", function()
    sub { subscribe = "a" }
    local late = sub()
    case:advance(900)
    late.socket:subscribe("")
    case:advance(5000)
  end)
end)
