-- Subscribers: one that is stopped costs the others nothing; what is subscribed to is restored.
local eddy = require "eddy"
local ffi = require "ffi"
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local COUNT, PAIRS = full.size(50000, 1000000), full.size(1, 3)
local WINDOW, LIVE, MOST_KIB = 500, 3, 16 * 1024

local now = require("eddy.base.libeddy").C.eddy_time

local function rss_kib()
  collectgarbage()
  collectgarbage()
  return support.resident_kib()
end

local times = ffi.new("double[?]", COUNT) -- what each send took, in ms
ffi.fill(times, ffi.sizeof(times), 1)

local function percentiles()
  local list = {}
  for i = 1, COUNT do list[i] = times[i - 1] * 1000 end
  return ("p50 %.2f us, p99 %.2f us"):format(full.quantile(list, 0.5), full.quantile(list, 0.99))
end

describe("a publisher", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  -- Publishes to live subscribers, and to a stopped one or not. Windows of messages: the next is
  -- sent when all that live have had the last. Returns how many KiB memory grew.
  local function publish(with_stopped)
    local publisher = eddy.stream(context:socket(zmq.XPUB, { linger = 0, xpub_verbose = 1,
      bind = "tcp://127.0.0.1:*" }), loop)
    local endpoint = publisher.socket.last_endpoint
    local stopped = with_stopped and process.start(([[
      local zmq = require "eddy.zmq"
      local sub = zmq.instance():socket(zmq.SUB, { subscribe = "", rcvbuf = 4096, connect = %q })
      while sub:recv_multipart() do end]]):format(endpoint))
    local body, heard, sent, done = ("x"):rep(100), {}, 0, 0
    local before = rss_kib()
    local function send_window()
      done = 0
      for _ = 1, WINDOW do
        local began = now()
        assert(publisher:send_multipart { tostring(sent + 1), body })
        times[sent] = now() - began
        sent = sent + 1
      end
    end
    local streams = { publisher }
    for i = 1, LIVE do
      heard[i] = 0
      local live = eddy.stream(context:socket(zmq.SUB, { linger = 0, subscribe = "",
        connect = endpoint }), loop)
      live:on_recv(function(msg)
        heard[i] = heard[i] + 1
        assert.equal(heard[i], tonumber(msg[1]))
        if heard[i] < sent then return end
        done = done + 1
        if done < LIVE then return end
        if sent == COUNT then loop:stop() else send_window() end
      end)
      streams[#streams + 1] = live
    end
    local awaited = LIVE + (stopped and 1 or 0)
    publisher:on_recv(function()
      awaited = awaited - 1
      if awaited > 0 then return end
      if stopped then stopped:stop() end
      send_window()
    end)
    support.run(loop, full.size(30000, 600000))
    local grew = rss_kib() - before
    if stopped then stopped:kill() end
    for _, stream in ipairs(streams) do stream:close() end
    for i = 1, LIVE do assert.equal(COUNT, heard[i]) end
    return grew
  end

  it("with a subscriber whose process is stopped serves the others, in flat memory", function()
    publish(false) -- all is compiled
    for _ = 1, PAIRS do
      publish(false)
      local alone = percentiles()
      local grew = publish(true)
      full.figure("a subscriber is stopped", "%d of %d messages at each of %d others; a send took "
        .. "%s; without it %s; memory grew by %d KiB", COUNT, COUNT, LIVE, percentiles(), alone,
        grew)
      if not support.is_sanitized() then assert.is_true(grew < MOST_KIB) end
    end
  end)

  -- How many of so many topics a publisher knows of, and then one that took its place.
  local function subscribe(topics, sndhwm)
    local endpoint = "tcp://127.0.0.1:*"
    local function publisher()
      local stream = eddy.stream(context:socket(zmq.XPUB, { linger = 0 }), loop)
      -- Its place is free once libzmq's thread has closed the listener of the one before.
      local bound
      repeat bound = pcall(stream.bind, stream, endpoint) until bound
      local known, count = {}, 0
      endpoint = stream.socket.last_endpoint
      local quiet = loop:call_later(2000, function() loop:stop() end)
      stream:on_recv(function(msg)
        if known[msg[1]] or msg[1]:byte() ~= 1 then return end
        known[msg[1]] = true
        count = count + 1
        quiet:start()
        if count == topics then loop:stop() end
      end)
      return function()
        support.run(loop, 20000)
        quiet:cancel()
        stream:close()
        return count
      end
    end
    local first = publisher()
    local subscriber = eddy.stream(context:socket(zmq.SUB, { sndhwm = sndhwm,
      connect = endpoint }), loop)
    subscriber:on_recv(error)
    for i = 1, topics do subscriber:subscribe("topic " .. i) end
    local known = first()
    local restored = publisher()()
    subscriber:close()
    return known, restored
  end

  it("that starts anew knows all subscriptions of a subscriber without a limit", function()
    local topics = 5000
    local known, restored = subscribe(topics, 0)
    assert.same({ topics, topics }, { known, restored })
    if full.size(true, false) then return end
    full.figure("a publisher starts anew", "of %d subscriptions %d known, then %d restored with " ..
      "sndhwm = 0; %d and %d with libzmq's default", topics, known, restored,
      subscribe(topics, 1000))
  end)
end)
