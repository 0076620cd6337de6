-- Peers that offer another mechanism than a listener has: libzmq tells nobody but monitors.
local process = require "spec.support.process"

-- Runs a CURVE server, and what is to connect to it; returns the log until DONE() is called.
local function log_of(code)
  local out = process.check(0, process.eddy("-e", ([[
    local eddy = require "eddy"
    local zmq, loop, lines = eddy.zmq, eddy.loop.instance(), {}
    eddy.loop.set_log(function(text) lines[#lines + 1] = text end)
    local public, secret = zmq.curve_keypair()
    local context = zmq.instance()
    local server = eddy.stream(context:socket(zmq.PULL, { bind = "tcp://127.0.0.1:*",
      curve = { secret = secret, allow = "any" } }))
    server:on_recv(print)
    local endpoint = server.socket.last_endpoint
    local function finish()
      print(table.concat(lines, "\n"))
      os.exit(0)
    end
    loop:call_every(5, function() if DONE(lines) then finish() end end)
    loop:call_later(20000, finish)
    CODE
    loop:start()
  ]]):gsub("CODE", function() return code end)))
  return out
end

describe("a peer of another mechanism", function()
  it("is told of in the log of a CURVE server, once a minute, with what to do", function()
    local out = log_of [[
      for _ = 1, 5 do context:socket(zmq.PUSH, { linger = 0, connect = endpoint }) end
      local failures = 0
      local events = eddy.stream(server.socket:get_monitor_socket(
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL))
      events:on_recv(function() failures = failures + 1 end)
      function DONE(lines) return failures >= 5 and #lines > 0 end
    ]]
    local _, count = out:gsub("\n", "")
    assert.equal(1, count)
    assert.matches("a peer at 127.0.0.1 cannot come in: it offers NULL, and the socket wants " ..
      "CURVE: give it curve = { server = PUBLIC KEY }; 1 since the last such line", out, 1, true)
  end)

  it("is not what it says it is, when that is no mechanism", function()
    local out = log_of [[
      local raw = context:socket(zmq.STREAM, { linger = 0, connect = endpoint })
      local id = raw:recv_multipart()[1]
      raw:send_multipart { id, "\255\0\0\0\0\0\0\0\0\127\3" }
      raw:send_multipart { id, "\1EVIL\neddy: all is well" .. ("\0"):rep(30) }
      function DONE(lines) return #lines > 0 end
    ]]
    assert.matches("it offers something unknown, ", out, 1, true)
    assert.is_nil(out:find("EVIL", 1, true))
  end)

  it("is not told of when it is the right one", function()
    local out = log_of [[
      local client = context:socket(zmq.PUSH, { linger = 0, connect = endpoint,
        curve = { server = public, secret = select(2, zmq.curve_keypair()) } })
      client:send "hello"
      local got = false
      server:on_recv(function() got = true end)
      function DONE() return got end
    ]]
    assert.equal("\n", out)
  end)
end)
