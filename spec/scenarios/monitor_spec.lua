-- Connections come and go while nobody reads what a monitor tells of them: libzmq is not held up.
local eddy = require "eddy"
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local zmtp = require "spec.zmtp.peer"

local PEERS, BLOCKED_MS = 500, full.size(300, 30000)
local SOON_MS = 5000

local now = require("eddy.base.libeddy").C.eddy_time

-- Times of something that is done again and again, in ms.
local function watch(fn)
  local list = {}
  return function()
    local began = now()
    fn()
    list[#list + 1] = now() - began
  end, function()
    local longest = full.quantile(list, 1)
    return ("p50 %.2f, p99 %.2f, at most %.2f ms"):format(full.quantile(list, 0.5),
      full.quantile(list, 0.99), longest), longest
  end
end

describe("a script that blocks while peers flap", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  it("can go on with all of its sockets, and hears of everything at the end", function()
    local socket = context:socket(zmq.PULL, { linger = 0, backlog = 1000 })
    local stream, told, last = eddy.stream(socket, loop), 0, nil
    stream:on_event(function(event)
      told = told + 1
      last = last or event.name == "HANDSHAKE_SUCCEEDED" -- only the last peer comes so far
    end)
    local undrained = context:socket(zmq.PULL, { linger = 0, backlog = 1000 })
    local pair = undrained:get_monitor_socket()
    local ports = {}
    for i, each in ipairs { socket, undrained } do
      ports[i] = each:bind("tcp://127.0.0.1:*"):match("(%d+)$")
    end
    local own = zmq.context { io_threads = 1 }
    local rep = own:socket(zmq.REP, { linger = 0, rcvtimeo = SOON_MS, bind = "tcp://127.0.0.1:*" })
    local req = own:socket(zmq.REQ, { linger = 0, rcvtimeo = SOON_MS, connect = rep.last_endpoint })
    local crowd = process.start(([[
      package.path = %q .. "/?.lua;" .. package.path
      local zmtp = require "spec.zmtp.peer"
      local peers = {}
      for i = 0, math.huge do
        local at = i %% %d + 1
        if peers[at] then peers[at]:leave(i %% 3 == 0) end
        peers[at] = zmtp.connect(i %% 2 == 0 and %d or %d)
      end]]):format(EDDY_ROOT, PEERS, ports[1], ports[2]))
    finally(function() crowd:kill() end)

    local calls, calls_took = watch(function()
      for _, each in ipairs { socket, undrained } do
        each:unbind(each:bind("tcp://127.0.0.1:*"))
        each:connect(rep.last_endpoint)
        each:disconnect(rep.last_endpoint)
      end
    end)
    local ask, asking_took = watch(function()
      req:send "x"
      rep:send(assert(rep:recv()))
      assert.equal("x", req:recv())
    end)
    local before, began = support.resident_kib(), now()
    repeat
      calls()
      ask()
      req:poll(5)
    until now() - began > BLOCKED_MS
    crowd:kill()
    local calls_text, most = calls_took()
    local asking_text, longest = asking_took()
    local grew = (support.resident_kib() - before) / 1024

    -- The loop runs again: all is told, and peers are served.
    local peer, received = zmtp.connect(tonumber(ports[1])), false
    peer:open("PUSH")
    peer:send(zmtp.message { "x" })
    stream:on_recv(function() received = true end)
    loop:call_every(1, function()
      if received and last then loop:stop() end
    end)
    support.run(loop, full.size(10000, 60000))
    peer:leave()
    assert.is_true(told > 100)
    full.figure("nobody reads a monitor", "while %d peers flap for %d s: %d events waited at " ..
      "one of two sockets, memory grew by %d MiB; bind, unbind, connect and disconnect of both " ..
      "%s; a round trip in another context %s", PEERS, BLOCKED_MS / 1000, told, grew, calls_text,
      asking_text)
    assert.is_true(most < SOON_MS and longest < SOON_MS)
    pair:close()
    own:destroy(0)
  end)
end)
