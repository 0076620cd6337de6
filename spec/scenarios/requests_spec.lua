-- Requests whose servers lose them, or are killed: each has one outcome, and the next one works.
local ffi = require "ffi"
local full = require "spec.support.full"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local ports = require "spec.support.ports"
local process = require "spec.support.process"
local support = require "spec.lua.support"

ffi.cdef "int kill(int pid, int signal);"

local KILLS, LATEST_MS = full.size(10, 1000), 2

describe("a client whose server loses requests", function()
  it("hears of each once, as a reply or a timeout, and goes on", function()
    local loop = support.open()
    local context = green.context()
    local server = context:socket(zmq.ROUTER, { linger = 0, bind = support.inproc() })
    local client = context:socket(zmq.REQ, { linger = 0, req_relaxed = 1, req_correlate = 1,
      connect = server.last_endpoint })
    loop:spawn(function()
      local late
      for i = 1, math.huge do
        local request = server:recv_multipart()
        if not request then return end
        if i % 3 == 0 then
          late = request -- answered when nobody waits for it any more
        else
          if late then server:send_multipart(late) end
          server:send_multipart(request)
          late = nil
        end
      end
    end)
    local replies, timeouts = 0, 0
    loop:run_sync(function()
      client.rcvtimeo = 20
      for i = 1, 60 do
        client:send("request " .. i)
        local reply, err = client:recv()
        if reply then
          assert.equal("request " .. i, reply)
          replies = replies + 1
        else
          assert.equal("EAGAIN", err.name)
          timeouts = timeouts + 1
        end
      end
    end, 30000)
    assert.equal(60, replies + timeouts)
    assert.is_true(replies >= 30 and timeouts >= 20)
    server:close()
    context:destroy(0)
    support.take_log()
    support.close()
  end)

  it("hears of each once when it is killed, at any moment, and another one takes over", function()
    local loop, port = support.open(), ports.free(1)
    local function start()
      return process.start(([[
        local zmq, now = require "eddy.zmq", require("eddy.base.libeddy").C.eddy_time
        local rep = zmq.instance():socket(zmq.REP, { bind = "tcp://127.0.0.1:%d" })
        math.randomseed(now())
        while true do
          local request = rep:recv()
          local done = now() + math.random() * %d
          repeat until now() > done
          rep:send(request)
        end]]):format(port, LATEST_MS))
    end
    local context = green.context()
    local client = context:socket(zmq.REQ, { linger = 0, req_relaxed = 1, req_correlate = 1,
      reconnect_ivl = 1, connect = "tcp://127.0.0.1:" .. port })
    local told, lost = { replies = 0, timeouts = 0 }, 0
    -- A request with its one outcome; true for a reply.
    local function ask(text, ms)
      client.rcvtimeo = ms
      client:send(text)
      local reply, err = client:recv()
      if reply then assert.equal(text, reply) else assert.equal("EAGAIN", err.name) end
      -- Nothing else comes: it can only be asked anew.
      local _, again, refused = pcall(client.recv, client, zmq.DONTWAIT)
      if reply then assert.equal("EFSM", again.name) else assert.equal("EAGAIN", refused.name) end
      return reply ~= nil
    end
    local server, asked = start(), 0
    finally(function() server:kill() end)
    loop:run_sync(function()
      for i = 1, KILLS do
        -- One that is sent before the end of the old connection was seen is lost with it.
        while not ask("at rest " .. i, 1000) do lost = lost + 1 end
        local victim = server.pid
        local blow = loop:call_later(math.random() * LATEST_MS * 1.5, function()
          assert.equal(0, ffi.C.kill(victim, 9))
        end)
        local what = ask("killed " .. i, 50) and "replies" or "timeouts"
        told[what] = told[what] + 1
        blow:cancel()
        server:kill()
        server = start()
      end
      asked = KILLS
    end, full.size(30000, 600000))
    assert.equal(KILLS, asked)
    assert.is_true(lost <= KILLS / 5)
    assert.equal(KILLS, told.replies + told.timeouts)
    full.figure("a server is killed in the middle of a request", "%d times: %d replies, %d "
      .. "timeouts, none that is another's; the next request was answered %d times, %d times " ..
      "only when it was repeated", KILLS, told.replies, told.timeouts, asked, lost)
    context:destroy(0)
    support.close()
  end)
end)
