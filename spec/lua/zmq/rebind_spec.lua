-- Binding again what this process has just given back, which libzmq lets go of a moment later.
local eddy = require "eddy"
local async = require "eddy.async"
local devices = require "eddy.devices"
local green = require "eddy.green"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"
local testing = require "eddy.testing"

local TRIES = 30

describe("an address that was given back", function()
  local loop, context, folder
  before_each(function()
    loop, context = support.open()
    context.insecure = true
    folder = support.temp_dir()
  end)
  after_each(function()
    support.close()
    os.execute("rm -rf " .. folder)
  end)

  local places = {
    tcp = function() return "tcp://127.0.0.1:" .. testing.free_port() end,
    ["tcp by name"] = function() return "tcp://localhost:" .. testing.free_port() end,
    ["tcp on all interfaces"] = function() return "tcp://*:" .. testing.free_port() end,
    ipc = function() return "ipc://" .. folder .. "/path" end,
    ["abstract ipc"] = function() return "ipc://@" .. folder end,
    inproc = support.inproc,
  }

  for transport, place in pairs(places) do
    it("over " .. transport .. " can be bound at once after a close", function()
      local endpoint = place()
      for _ = 1, TRIES do
        context:socket(zmq.REP, { linger = 0, bind = endpoint }):close()
      end
    end)

    it("over " .. transport .. " can be bound at once after an unbind", function()
      local endpoint = place()
      local sockets = {}
      for i = 1, TRIES do
        sockets[i] = context:socket(zmq.REP, { linger = 0 })
        sockets[i]:unbind(sockets[i]:bind(endpoint))
      end
      for _, socket in ipairs(sockets) do socket:close() end
    end)

    it("over " .. transport .. " is refused to a second one that binds there", function()
      local endpoint = place()
      context:socket(zmq.REP, { linger = 0, bind = endpoint }):close()
      local first = context:socket(zmq.REP, { linger = 0, bind = endpoint })
      local second = context:socket(zmq.REP, { linger = 0 })
      local ok, err = pcall(second.bind, second, endpoint)
      assert.is_false(ok)
      assert.equal("EADDRINUSE", err.name)
      first:close()
      second:close()
    end)
  end

  it("works for those who connect to the new one", function()
    for _, transport in ipairs { "tcp", "ipc", "inproc" } do
      local endpoint = places[transport]()
      for i = 1, 5 do
        local rep = context:socket(zmq.REP, { linger = 0, bind = endpoint })
        local req = context:socket(zmq.REQ, { linger = 0, rcvtimeo = 5000, connect = endpoint })
        req:send(tostring(i))
        assert.equal(tostring(i), rep:recv())
        req:close()
        rep:close()
      end
    end
  end)

  it("is known by another spelling of its path", function()
    local path = folder .. "/path"
    for _ = 1, TRIES do
      context:socket(zmq.REP, { linger = 0, bind = "ipc://" .. path }):close()
      context:socket(zmq.REP, { linger = 0, bind = "ipc://" .. folder .. "/./path" }):close()
    end
  end)

  it("is known by another spelling of its host", function()
    local port = testing.free_port()
    for _ = 1, TRIES do
      for _, host in ipairs { "127.0.0.1", "localhost", "*" } do
        context:socket(zmq.REP, { linger = 0, bind = "tcp://" .. host .. ":" .. port }):close()
      end
    end
  end)

  it("was chosen by the system, and can be bound again", function()
    for _, wildcard in ipairs { "tcp://127.0.0.1:*", "ipc://*" } do
      for _ = 1, TRIES do
        local socket = context:socket(zmq.REP, { linger = 0 })
        local endpoint = socket:bind(wildcard)
        socket:close()
        if wildcard ~= "ipc://*" then -- libzmq removes the folder that it made for the path
          context:socket(zmq.REP, { linger = 0, bind = endpoint }):close()
        end
      end
    end
  end)

  it("was a stream's, an async or green socket's, a context's, or a device's", function()
    local endpoint = places.ipc()
    for _ = 1, TRIES do
      eddy.stream(context:socket(zmq.REP, { linger = 0, bind = endpoint }), loop):close()
      for _, kind in ipairs { async, green, zmq } do
        local own = kind.context()
        own:socket(zmq.REP, { linger = 0, bind = endpoint })
        own:destroy(0)
      end
      local private = zmq.context { io_threads = 1 }
      private:socket(zmq.REP, { linger = 0, bind = endpoint }):close()
      context:socket(zmq.REP, { linger = 0, bind = endpoint }):close()
      private:term()
    end
    for _ = 1, 5 do
      local device = devices.device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
      device:bind_in(endpoint)
      device:bind_out(support.inproc())
      device:start()
      device:stop()
      assert.is_true(device:join(5000))
      context:socket(zmq.PULL, { linger = 0, bind = endpoint }):close()
    end
  end)

  it("and that another process has taken is refused", function()
    local port = testing.free_port()
    local endpoint = "tcp://127.0.0.1:" .. port
    context:socket(zmq.REP, { linger = 0, bind = endpoint }):close()
    local other = process.script(([[
      local zmq = require "eddy.zmq"
      local socket = zmq.instance():socket(zmq.REP, { linger = 0 })
      while not pcall(socket.bind, socket, %q) do require "eddy".sleep(1) end
      print "bound" io.stdout:flush()
      socket:poll(20000)
    ]]):format(endpoint))
    local pipe = io.popen(("timeout 20 %s %s"):format(EDDY_HOST, other))
    assert.equal("bound", pipe:read "*l")
    local socket = context:socket(zmq.REP, { linger = 0 })
    local ok, err = pcall(socket.bind, socket, endpoint)
    assert.is_false(ok)
    assert.equal("EADDRINUSE", err.name)
    local req = context:socket(zmq.REQ, { linger = 1000, connect = endpoint })
    req:send "end"
    pipe:close()
    os.remove(other)
    req:close(0)
    socket:close()
  end)
end)
