-- More clients than a server has descriptors for.
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local ports = require "spec.support.ports"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local zmtp = require "spec.zmtp.peer"

local CROWD, COME_AND_GO, SECONDS, EVERY_MS = 500, 5, full.size(1, 60), 5
local TICK_MS = 10 -- of the kernel's account of CPU time

local now = require("eddy.base.libeddy").C.eddy_time

local function cpu_ms(pid)
  local file = assert(io.open("/proc/" .. pid .. "/stat"))
  local user, system = file:read("*a"):match("%) " .. ("%S+ "):rep(11) .. "(%d+) (%d+)")
  file:close()
  return (user + system) * TICK_MS
end

describe("a server with few descriptors", function()
  local context
  support.each(function(...) context = select(2, ...) end)

  it("serves the peers it has while more come, and then the others", function()
    -- ASan needs descriptors of its own.
    if support.is_sanitized() then return pending "not with ASan" end
    local port = ports.free(1)
    local server = process.start(([[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local stream = eddy.stream(zmq.instance():socket(zmq.REP, { backlog = 1000,
        bind = "tcp://127.0.0.1:%d" }))
      stream:on_recv(function(msg) stream:send_multipart(msg) end)
    ]]):format(port), "prlimit --nofile=64:64")
    finally(function() server:kill() end)
    local function client()
      return context:socket(zmq.REQ, { linger = 0, rcvtimeo = 10000, reconnect_ivl = 5,
        connect = "tcp://127.0.0.1:" .. port })
    end
    local function ask(socket)
      local began = now()
      socket:send "x"
      assert.equal("x", socket:recv())
      return now() - began
    end
    -- The median and the 99th percentile of so many ms of asking, and the server's share of a CPU.
    local function measure(socket, ms, meanwhile)
      local took, began, cpu = {}, now(), cpu_ms(server.pid)
      repeat
        took[#took + 1] = ask(socket)
        meanwhile()
        socket:poll(EVERY_MS)
      until now() - began > ms
      return ("p50 %.2f ms, p99 %.2f ms, %d %% of a CPU"):format(full.quantile(took, 0.5),
        full.quantile(took, 0.99), (cpu_ms(server.pid) - cpu) / (now() - began) * 100)
    end
    local old = client()
    ask(old)
    local alone = measure(old, 1000 * SECONDS / 6, function() end)
    local crowd, turn = {}, 0
    for i = 1, CROWD do crowd[i] = zmtp.connect(port) end
    local crowded = measure(old, 1000 * SECONDS, function()
      for _ = 1, COME_AND_GO do
        turn = turn % CROWD + 1
        crowd[turn]:leave()
        crowd[turn] = zmtp.connect(port)
      end
    end)
    for i, peer in ipairs(crowd) do peer:leave(i % 2 == 0) end
    local recovered = ask(client())
    full.figure("there are no more descriptors", "of 64, for %d clients and %d s: a round trip " ..
      "of the peer that is there %s (without the others %s); a new one served %.1f ms after " ..
      "they left", CROWD, SECONDS, crowded, alone, recovered)
    assert.is_true(recovered < 5000)
    assert.is_truthy(server:status "State")
  end)
end)
