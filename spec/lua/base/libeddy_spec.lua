local ffi = require "ffi"
local support = require "spec.lua.support"

-- Whatever host this runs in, its library is beside it.
local function library()
  local buffer = ffi.new("char[4096]")
  local path = ffi.string(buffer, ffi.C.readlink("/proc/self/exe", buffer, 4096))
  return path:match("^(.*)/") .. "/libeddy.so"
end

-- A library built with sanitizers wants theirs loaded first.
local function preload()
  local pipe = io.popen("ldd '" .. library() .. "'")
  local sanitizer = pipe:read("*a"):match("=> (%S*libasan%S*)")
  pipe:close()
  return sanitizer and "ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=" .. sanitizer .. " " or ""
end

describe("eddy without its host", function()
  local function luajit(code, environment)
    local path = EDDY_ROOT .. "/lua/?.lua;" .. EDDY_ROOT .. "/lua/?/init.lua"
    return support.script(code, "env LUA_PATH='" .. path .. "' " ..
      (environment or preload() .. "EDDY_LIBRARY='" .. library() .. "'") .. " luajit")
  end

  before_each(support.open)
  after_each(support.close)

  it("says which module waits while it is loaded, and ends a loop in order", function()
    local text, status = luajit [[
      local name = os.tmpname()
      local file = io.open(name, "w")
      file:write("require('eddy').sleep(1)")
      file:close()
      local eddy = require "eddy"
      package.path = name
      local loop = eddy.loop.instance()
      loop:on_stop(function() print("stopping") end)
      local ok, err = pcall(loop.run_sync, loop, function() require "slow" end)
      print(ok, (err:gsub(name, "it")))
      print(#loop:stop_gracefully(1000):await())
      os.remove(name)]]
    assert.equal(0, status)
    assert.matches("it:1: a coroutine cannot wait for sleep while `require` loads it: wait in " ..
      "a function of the module, or run the program with eddy, whose `require` may wait", text)
    assert.matches("stopping\n0\n$", text)
  end)

  it("does the same in a plain luajit", function()
    local text, status = luajit [[
      local eddy = require "eddy"
      local zmq = require "eddy.zmq"
      local context = zmq.instance()
      local server = eddy.stream(context:socket(zmq.REP, { bind = "tcp://127.0.0.1:*" }))
      local client = eddy.stream(context:socket(zmq.REQ, { linger = 0 }))
      client.socket:connect(server.socket.last_endpoint)
      server:on_recv(function(msg) server:send_multipart(msg) end)
      client:on_recv(function(msg)
        print(msg[1], #msg)
        eddy.loop.instance():stop()
      end)
      client:send_multipart { "hello", "" }
      eddy.loop.instance():call_later(5000, os.exit, 3)
      eddy.loop.instance():start()
      print(eddy.version:match("^%d") and "done")
    ]]
    assert.equal("hello\t2\ndone\n", text)
    assert.equal(0, status)
  end)

  it("ends without a word when all is left open", function()
    local text, status = luajit [[
      local eddy = require "eddy"
      local zmq = require "eddy.zmq"
      local loop = eddy.loop.new()
      local stream = eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "inproc://x" }), loop)
      stream:on_recv(print)
      loop:call_every(10, print)
      loop:on_signal("USR1", print)
    ]]
    assert.equal("", text)
    assert.equal(0, status)
  end)

  it("can be loaded again in one Lua state", function()
    local text, status = luajit [[
      require "eddy"
      for name in pairs(package.loaded) do
        if name:match("^eddy") then package.loaded[name] = nil end
      end
      local loop = require("eddy").loop.new()
      loop:add_callback(loop.stop, loop)
      loop:start()
      print "fine"
    ]]
    assert.equal("fine\n", text)
    assert.equal(0, status)
  end)

  it("has no watchdog there, and says whose it is", function()
    local text, status = luajit [[require("eddy").loop.set_watchdog { report = 1 }]]
    assert.matches("set_watchdog: the watchdog is the host's: run the script with the command eddy",
      text)
    assert.equal(1, status)
  end)

  it("says how to name its library when it is not to be found", function()
    local text, status = luajit('require "eddy"', "EDDY_LIBRARY=/nowhere/libeddy.so")
    assert.matches("EDDY_LIBRARY", text)
    assert.matches("/nowhere/libeddy.so", text, 1, true)
    assert.equal(1, status)
  end)

  it("makes no globals", function()
    local text = luajit [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      require "eddy"
      for name in pairs(_G) do if not before[name] then print(name) end end
    ]]
    assert.equal("", text)
  end)

  it("leaves unreachable loops, streams and sockets to the collector", function()
    local text, status = luajit [[
      local eddy = require "eddy"
      local zmq = require "eddy.zmq"
      for _ = 1, 300 do
        local loop = eddy.loop.new()
        local stream = eddy.stream(zmq.context():socket(zmq.PULL, { linger = 0 }), loop)
        stream:on_recv(print)
        loop:call_later(1, print)
        collectgarbage()
      end
      -- libzmq closes them in a thread of its own.
      local count
      for _ = 1, 200 do
        count = 0
        for _ in io.popen("sleep 0.01; ls /proc/$PPID/fd"):lines() do count = count + 1 end
        if count < 100 then break end
      end
      print(count < 100)
    ]]
    assert.equal("true\n", text)
    assert.equal(0, status)
  end)
end)
