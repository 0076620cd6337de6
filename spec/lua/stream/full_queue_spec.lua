-- Workers whose queue was full when their broker came back: libzmq gives up their connection.
local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local ports = require "spec.support.ports"
local supervised = require "spec.support.supervised"
local support = require "spec.lua.support"
local plain = require "eddy.zmq.socket"

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
  -- connection libzmq gave up, and the timer that sends on it.
  local function come_back(prepare, is_full, endpoint)
    local first = broker(endpoint)
    supervised.wait(function() return first:poll(0, zmq.POLLOUT) ~= 0 end)
    prepare(first)
    supervised.wait(function() return first:poll(0, zmq.POLLOUT) ~= 0 end)
    first:send_multipart { "", "first" }
    supervised.wait(is_full)
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
          local function is_full() return worker.socket:poll(0) ~= 0 end
          local second, sends = come_back(function() end, is_full, endpoint)
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

  -- Sockets that wait on the loop, with a task that answers. (A REP is not ready while it has a
  -- request, so that nobody sees that its queue is full.)
  for name, kind in pairs { green = green, async = async } do
    it("goes on also as a socket of eddy." .. name, function()
      local own, endpoint = kind.context(), places.tcp()
      local router = own:socket(zmq.ROUTER, { linger = 0, rcvhwm = 1 })
      router:connect(endpoint)
      local function value(result) return name == "async" and result:await() or result end
      local busy, is_busy = eddy.future(loop), false
      local task = loop:spawn(function()
        while true do
          local msg = value(router:recv_multipart())
          is_busy = msg[3] == "wait"
          if is_busy then busy:await() end
          value(router:send_multipart(msg))
        end
      end)
      local second, sends = come_back(function(broker_socket)
        broker_socket:send_multipart { "", "wait" }
        supervised.wait(function() return is_busy end)
      end, function() return plain.poll(router, 0) ~= 0 end, endpoint)
      second:on_recv(function(msg) if msg[2] == "again" then loop:stop() end end)
      busy:set_result()
      support.run(loop, 20000)
      sends:cancel()
      task:cancel()
      support.turns(loop, 3)
      second:close()
      own:destroy(0)
    end)
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
    local handled = context:socket(zmq.REP, { linger = 0, connect = "tcp://127.0.0.1:1" })
    loop:add_handler(handled, function() end)
    handled:get_monitor_socket():close()
    loop:remove_handler(handled)
    handled:close()
    local heard = eddy.stream(context:socket(zmq.REP, { linger = 0 }), loop)
    heard:connect "tcp://127.0.0.1:1"
    heard:on_event(function() loop:stop() end)
    support.run(loop)
    heard:close()
  end)
end)
