-- Workers whose queue was full when their broker came back: libzmq gives up their connection.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local ports = require "spec.support.ports"
local supervised = require "spec.support.supervised"
local support = require "spec.lua.support"

describe("a stream that connects, with a full queue while its peer comes back", function()
  local loop, context, folder
  before_each(function()
    loop, context = supervised.open()
    folder = support.temp_dir()
  end)
  after_each(function()
    supervised.close()
    os.execute("rm -rf " .. folder)
  end)

  local places = {
    tcp = function() return "tcp://127.0.0.1:" .. ports.free(1) end,
    ipc = function() return "ipc://" .. folder .. "/broker" end,
  }

  local function broker(endpoint)
    return context:socket(zmq.DEALER, { linger = 0, immediate = true, bind = endpoint })
  end

  -- Has a broker fill the worker's queue and come back; the stream of the second broker, whose
  -- connection libzmq gave up.
  local function come_back(worker, endpoint)
    local first = broker(endpoint)
    supervised.wait(function() return first:poll(0, zmq.POLLOUT) ~= 0 end)
    first:send_multipart { "", "first" }
    supervised.wait(function() return worker.socket:poll(0) ~= 0 end)
    first:close()
    local second, ended = eddy.stream(broker(endpoint), loop), false
    second:on_event(function(event) ended = ended or event.name == "DISCONNECTED" end)
    local sends = loop:call_every(10, function()
      if second.socket:poll(0, zmq.POLLOUT) ~= 0 then second:send_multipart { "", "again" } end
    end)
    supervised.wait(function() return ended end)
    return second, sends
  end

  local kinds = {
    ["that connects as a stream"] = function(kind, endpoint)
      local socket = context:socket(zmq[kind], { linger = 0, rcvhwm = 1 })
      local worker = eddy.stream(socket, loop)
      worker:connect(endpoint)
      return worker
    end,
    ["that was connected before"] = function(kind, endpoint)
      return eddy.stream(context:socket(zmq[kind], { linger = 0, rcvhwm = 1, connect = endpoint }),
        loop)
    end,
  }

  for transport, place in pairs(places) do
    for _, kind in ipairs { "REP", "ROUTER" } do
      for how, make in pairs(kinds) do
        it("goes on, by itself: " .. kind .. " over " .. transport .. ", " .. how, function()
          local endpoint = place()
          local worker = make(kind, endpoint)
          local second, sends = come_back(worker, endpoint)
          worker:on_recv(function(msg) worker:send_multipart(msg) end)
          second:on_recv(function(msg) if msg[2] == "again" then loop:stop() end end)
          support.run(loop, 20000)
          sends:cancel()
          worker:close()
          second:close()
        end)
      end
    end
  end

  it("is supervised only where that may happen", function()
    local function sockets_with(kind, endpoint)
      local function count_now() return tonumber(tostring(context):match "%d+") end
      local before = count_now()
      local socket = context:socket(zmq[kind], { linger = 0, connect = endpoint })
      local stream = eddy.stream(socket, loop)
      local count = count_now() - before
      stream:close()
      return count
    end
    assert.equal(2, sockets_with("REP", "tcp://127.0.0.1:1"))
    assert.equal(2, sockets_with("ROUTER", "ipc://" .. folder .. "/x"))
    assert.equal(1, sockets_with("REP", support.inproc()))
    assert.equal(1, sockets_with("DEALER", "tcp://127.0.0.1:1"))
  end)

  it("leaves the socket's monitor to the script", function()
    local function reads(reader)
      loop:run_sync(function() end)
      assert.is_true(reader:poll(5000) ~= 0)
      return zmq.recv_monitor_message(reader)
    end
    local rep = eddy.stream(context:socket(zmq.REP, { linger = 0 }), loop)
    rep:connect "tcp://127.0.0.1:1"
    local reader = rep.socket:get_monitor_socket()
    assert.is_table(reads(reader))
    rep:connect "tcp://127.0.0.1:2"
    assert.equal(reader, rep.socket:get_monitor_socket())
    reader:close()
    rep.socket:monitor("inproc://mine")
    local own = context:socket(zmq.PAIR, { linger = 0, connect = "inproc://mine" })
    rep:connect "tcp://127.0.0.1:3"
    assert.is_table(reads(own))
    rep:close()
    own:close()
    local heard = eddy.stream(context:socket(zmq.REP, { linger = 0 }), loop)
    heard:connect "tcp://127.0.0.1:1"
    heard:on_event(function() loop:stop() end)
    support.run(loop)
    heard:close()
  end)
end)
