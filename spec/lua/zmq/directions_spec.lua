-- What a socket never does is refused at the call, whatever kind of socket it is.
local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local NEVER_RECEIVE, NEVER_SEND = { "PUSH", "PUB" }, { "PULL", "SUB" }

describe("what a socket never does", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local function refused(kind, what, fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.equal("ENOTSUP", err.name)
    assert.message(err.message).is_truthy(err.message:find(kind .. " socket", 1, true))
    assert.message(err.message).is_truthy(err.message:find(what, 1, true))
  end

  local function stream(kind)
    return eddy.stream(context:socket(zmq[kind], { linger = 0 }), loop)
  end

  it("is refused by its stream, and leaves nothing that keeps a program alive", function()
    for _, kind in ipairs(NEVER_RECEIVE) do
      local s = stream(kind)
      s.name = "collector"
      for _, what in ipairs { "on_recv", "on_recv_stream" } do
        refused(kind, what .. ": collector", s[what], s, print)
      end
      refused(kind, "flush", s.flush, s, zmq.POLLIN)
      refused(kind, "discard", s.discard, s)
      s:on_recv(nil)
      s:stop_on_recv()
      assert.equal(0, s:flush())
      assert.is_false(s:receiving())
    end
    for _, kind in ipairs(NEVER_SEND) do
      local s = stream(kind)
      refused(kind, "send: ", s.send, s, "x")
      refused(kind, "send: ", s.send, s, "x", { callback = print })
      refused(kind, "send", s.send, s, zmq.frame "x")
      refused(kind, "send_multipart: ", s.send_multipart, s, { "x", "y" })
      refused(kind, "send", s.send_json, s, {})
      for _, what in ipairs { "on_send", "on_send_stream", "on_full", "on_drain" } do
        refused(kind, what, s[what], s, print)
        s[what](s, nil)
      end
      refused(kind, "flush", s.flush, s, zmq.POLLOUT)
      assert.equal(0, s:flush())
      s:set_send_limit { messages = 1 }
      assert.equal(0, s:stats().errors)
      assert.is_false(s:sending())
      s:on_recv(print)
      s:on_recv(nil)
    end
    loop:_run_until_idle()
  end)

  it("is refused also in a task, which waits for room that never comes", function()
    support.task(loop, function()
      local s = stream "SUB"
      s:set_send_limit { messages = 0 }
      refused("SUB", "send", s.send, s, "x")
    end)
  end)

  it("is refused by a handler of a socket", function()
    for kinds, events in pairs { [NEVER_RECEIVE] = loop.READ, [NEVER_SEND] = loop.WRITE } do
      for _, kind in ipairs(kinds) do
        local socket = context:socket(zmq[kind], { linger = 0 })
        refused(kind, "add_handler", loop.add_handler, loop, socket, print, events)
        loop:add_handler(socket, print, loop.READ + loop.WRITE)
        refused(kind, "update_handler", loop.update_handler, loop, socket, events)
        loop:remove_handler(socket)
      end
    end
    loop:_run_until_idle()
  end)

  for name, of in pairs { zmq = zmq, green = green, async = async } do
    it("is refused by a socket of eddy." .. name, function()
      local own = of.context()
      -- More often than a turn allows without waiting.
      local function try(kind, what, method, ...)
        for _ = 1, 200 do
          local socket = own:socket(zmq[kind], { linger = 0 })
          refused(kind, what, function(...)
            local result, err = socket[method](socket, ...)
            if name == "async" and result then return result:await() end
            return result, err
          end, ...)
          socket:close()
        end
      end
      local function all()
        for _, kind in ipairs(NEVER_RECEIVE) do
          for _, what in ipairs { "recv", "recv_multipart", "recv_string" } do
            try(kind, "recv", what)
          end
          try(kind, "poll", "poll")
          try(kind, "poll", "poll", -1, zmq.POLLIN)
        end
        for _, kind in ipairs(NEVER_SEND) do
          try(kind, "send", "send", "x")
          try(kind, "send", "send_multipart", { "x", "y" })
          try(kind, "poll", "poll", math.huge, zmq.POLLOUT)
        end
        local push = own:socket(zmq.PUSH, { linger = 0 })
        local one_socket = {}
        for i = 1, 200 do one_socket[i] = i end
        for _ in ipairs(one_socket) do
          refused("PUSH", "recv", function()
            local future = push:recv()
            return name == "async" and future:await()
          end)
        end
        local ready = push:poll(1)
        assert.equal(0, name == "async" and ready:await() or ready)
      end
      if name == "zmq" then all() else support.task(loop, all) end
      own:destroy(0)
    end)
  end

  it("is refused by relays that could carry nothing", function()
    local devices = require "eddy.devices"
    local pairs_of = { { "PULL", "PULL" }, { "PUSH", "PUB" }, { "SUB", "PULL" } }
    for _, types in ipairs(pairs_of) do
      local device = devices.device(zmq.QUEUE, zmq[types[1]], zmq[types[2]])
      refused(types[2], "device", device.start, device)
      local front, back = context:socket(zmq[types[1]]), context:socket(zmq[types[2]])
      refused(types[2], "proxy", zmq.proxy, front, back)
      refused(types[2], "device", zmq.device, zmq.QUEUE, front, back)
      local own = green.context()
      front, back = own:socket(zmq[types[1]]), own:socket(zmq[types[2]])
      support.task(loop, function()
        local ok, err = pcall(green.proxy, front, back)
        assert.is_false(ok)
        assert.equal("ENOTSUP", err.name)
        ok, err = pcall(green.device, 1, front)
        assert.is_false(ok)
        assert.equal("ENOTSUP", err.name)
      end)
      own:destroy(0)
    end
    local alone = devices.device(zmq.QUEUE, zmq.PULL, -1)
    refused("PULL", "device", alone.start, alone)
    local deaf = devices.steerable(zmq.PULL, zmq.PUSH, false, zmq.PUSH)
    refused("PUSH", "steerable", deaf.start, deaf)
  end)

  it("is no obstacle to a relay that carries the other way", function()
    local own = green.context()
    local front = own:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
    local back = own:socket(zmq.PULL, { linger = 0, bind = support.inproc() })
    local push = context:socket(zmq.PUSH, { linger = 0, connect = back.last_endpoint })
    local pull = own:socket(zmq.PULL, { linger = 0, connect = front.last_endpoint })
    push:send("x")
    support.task(loop, function()
      local relay = loop:spawn(green.proxy, front, back)
      assert.equal("x", pull:recv())
      relay:cancel()
    end)
    own:destroy(0)
  end)
end)
