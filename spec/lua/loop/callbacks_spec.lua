-- What holds in callbacks of every kind: errors of every type, a second start, a stop.
local ffi = require "ffi"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

ffi.cdef [[ int raise(int signal); int fileno(void *file); ]]
local SIGUSR2 = 12

local loop, context, C = nil, nil, require("eddy.base.libeddy").C

local function stream(kind)
  local a, b = support.streams(zmq.PAIR, zmq.PAIR)
  a.name = kind
  return a, b
end

-- Each puts a function on the loop, or on a stream of that name, that is called once or more.
local kinds = {
  on_recv = function(fn)
    local a, b = stream "on_recv"
    a:on_recv(fn)
    b:send("x")
  end,
  on_recv_stream = function(fn)
    local a, b = stream "on_recv_stream"
    a:on_recv_stream(fn, false)
    b:send("x")
  end,
  on_send = function(fn)
    local a = stream "on_send"
    a:on_send(fn)
    a:send("x")
  end,
  on_send_stream = function(fn)
    local a = stream "on_send_stream"
    a:on_send_stream(fn)
    a:send_multipart { "x", "y" }
  end,
  ["a send's callback"] = function(fn)
    stream("a send's callback"):send("x", { callback = fn })
  end,
  on_err = function(fn)
    local req = eddy.stream(context:socket(zmq.ROUTER, { router_mandatory = true }), loop)
    req.name = "on_err"
    req:on_err(fn)
    req:send_multipart { "nobody", "x" }
  end,
  on_full = function(fn)
    local lonely = eddy.stream((support.lonely(zmq.PUSH)), loop)
    lonely.name = "on_full"
    lonely:set_send_limit { messages = 0 }
    lonely:on_full(fn)
    lonely:send("x")
  end,
  on_drain = function(fn)
    local socket, endpoint = support.lonely(zmq.PUSH)
    local lonely = eddy.stream(socket, loop)
    lonely.name = "on_drain"
    lonely:set_send_limit { messages = 1 }
    lonely:on_drain(fn)
    lonely:send("x")
    lonely:send("y")
    context:socket(zmq.PULL, { linger = 0, connect = endpoint })
  end,
  on_close = function(fn)
    local a = stream "on_close"
    a:on_close(fn)
    loop:add_callback(function() a:close() end)
  end,
  on_event = function(fn)
    local socket = context:socket(zmq.PULL, { linger = 0 })
    local listening = eddy.stream(socket, loop)
    listening.name = "on_event"
    listening:on_event(fn, zmq.EVENT_LISTENING)
    socket:bind("tcp://127.0.0.1:*")
  end,
  on_gap = function(fn)
    loop:on_gap(fn)
    C.eddy_loop_virtual_time(loop._c, loop:time())
    C.eddy_loop_advance(loop._c, 10000)
  end,
  ["a callback"] = function(fn) loop:add_callback(fn) end,
  ["a timer"] = function(fn) loop:call_later(1, fn) end,
  ["a timer at a time"] = function(fn) loop:call_at(loop:time(), fn) end,
  ["a periodic timer"] = function(fn) loop:call_every(1, fn) end,
  ["a descriptor's handler"] = function(fn)
    local pipe = io.popen("echo x")
    local fd = ffi.C.fileno(pipe)
    loop:add_handler(fd, function(...)
      loop:remove_handler(fd)
      fn(...)
    end)
    return pipe
  end,
  ["a socket's handler"] = function(fn)
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    loop:add_handler(a, function(...)
      loop:remove_handler(a)
      fn(...)
    end)
    b:send("x")
  end,
  ["a signal's handler"] = function(fn)
    loop:on_signal("USR2", fn)
    ffi.C.raise(SIGUSR2)
  end,
  ["a waker"] = function(fn)
    local waker = loop:add_waker(fn)
    C.eddy_loop_wake(waker.loop_pointer, waker.id, 1)
  end,
  ["a task"] = function(fn) loop:spawn(fn) end,
  ["a task that waited"] = function(fn)
    loop:spawn(function()
      support.suspend(loop, 1)
      fn()
    end)
  end,
  ["a handler that waited"] = function(fn)
    local a, b = stream "a handler that waited"
    a:on_recv(function()
      support.suspend(loop, 1)
      fn()
    end)
    b:send("x")
  end,
  ["a task's done callback"] = function(fn)
    loop:spawn(function() end):add_done_callback(fn)
  end,
}

local errors = {
  ["a string"] = function() error("on purpose") end,
  ["a string without a place"] = function() error("on purpose", 0) end,
  ["a table"] = function() error({ "on purpose" }) end,
  ["an error object"] = function() context:socket(zmq.PULL):connect("nowhere") end,
  ["nil"] = function() error() end,
  ["a number"] = function() error(42) end,
  ["a boolean"] = function() error(false) end,
  ["a function"] = function() error(print) end,
  ["a coroutine"] = function() error(coroutine.create(print)) end,
  ["cdata"] = function() error(ffi.new("int64_t", 7)) end,
  ["a proxy"] = function() error(newproxy()) end,
  ["an object whose __tostring fails"] = function()
    error(setmetatable({}, { __tostring = function() error("worse") end }))
  end,
  ["an object whose __tostring has no text"] = function()
    error(setmetatable({}, { __tostring = function() return nil end }))
  end,
  ["no memory"] = function() return ("xx"):rep(2 ^ 31 - 1) end,
  ["a wrong call"] = function() local nothing = nil; nothing() end,
  ["an error in a coroutine"] = function() coroutine.wrap(error)("on purpose") end,
}

describe("in a callback of every kind", function()
  support.each(function(...) loop, context = ... end)

  local function stop_after(turns)
    if turns == 0 then return loop:stop() end
    loop:add_callback(stop_after, turns - 1)
  end

  -- Runs fn in a callback of that kind, once, and then the loop for some turns.
  local function run_in(put, fn)
    local called = false
    local kept = put(function(...)
      if called then return end
      called = true
      loop:call_later(2, stop_after, 5)
      return fn(...)
    end)
    support.run(loop)
    assert.is_true(called)
    return kept
  end

  for kind, put in pairs(kinds) do
    it("errors of every type are logged with a traceback and a name: " .. kind, function()
      local count = 0
      for name, raise in pairs(errors) do
        run_in(put, raise)
        count = count + 1
        local text = support.take_log()
        assert.message(name .. ": " .. text).equal(count, loop:stats().errors)
        if not text:find "%(LuaJIT has no traceback of it%)" then
          assert.message(name .. ": " .. text).matches("stack traceback:\n", text)
        else
          assert.equal("no memory", name)
        end
        assert.message(name .. ": " .. text).matches("^[^\n]+: [^\n]+", text)
      end
    end)

    it("a second start raises, and changes nothing: " .. kind, function()
      local ok, err, running
      run_in(put, function()
        ok, err = pcall(loop.start, loop)
        running = loop:running()
      end)
      assert.is_false(ok)
      assert.matches("already running", tostring(err))
      assert.is_true(running)
    end)

    it("a stop is the last thing that happens: " .. kind, function()
      local after, called = 0, false
      local kept = put(function()
        if called then return end
        called = true
        loop:add_callback(function() after = after + 1 end)
        loop:call_later(0, function() after = after + 1 end)
        loop:stop()
      end)
      support.run(loop)
      assert.equal(0, after)
      loop:call_later(2, loop.stop, loop)
      support.run(loop)
      assert.equal(2, after)
      return kept
    end)
  end

  it("on_error may fail, too: both errors are told, and nothing else happens", function()
    local handlers = {
      ["on_error failed: .-it failed"] = function() error("it failed") end,
      ["on_error failed: .-already running"] = function() loop:start() end,
      ["on_error failed: .-__tostring fails"] = function()
        error(setmetatable({}, { __tostring = error }))
      end,
      ["on_error failed: .-not enough memory"] = function() return ("xx"):rep(2 ^ 31 - 1) end,
    }
    for expected, handler in pairs(handlers) do
      loop:on_error(handler)
      for _, put in pairs { kinds.on_recv, kinds["a timer"], kinds["a task"] } do
        run_in(put, function() error("the first one") end)
        local text = support.take_log()
        assert.matches("the first one", text)
        assert.matches(expected, text)
      end
    end
  end)

  it("on_error may wait, and holds up nobody", function()
    local told = {}
    loop:on_error(function(err)
      support.suspend(loop, 1)
      told[#told + 1] = err
    end)
    for i, put in ipairs { kinds.on_recv, kinds["a timer"], kinds["a callback"] } do
      run_in(put, function() error("slowly", 0) end)
      support.wait(loop, function() return #told == i end)
    end
    assert.same({ "slowly", "slowly", "slowly" }, told)
  end)
end)
