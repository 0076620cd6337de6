local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local binary = "\0k\139\69\103"

describe("a message of a mandatory ROUTER to a peer that is gone", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local settings = { linger = 0, router_mandatory = true }

  for name, module in pairs { plain = zmq, green = green, async = async } do
    it("names it in the error: " .. name, function()
      local own = module.context()
      local router = own:socket(zmq.ROUTER, settings)
      router:bind(support.inproc())
      local function fails(send, ...)
        local ok, err = pcall(function(...)
          local result = router[send](router, ...)
          return eddy.future.is(result) and result:await()
        end, ...)
        assert.is_false(ok)
        return err
      end
      support.task(loop, function()
        local err = fails("send_multipart", { "alice", "x" })
        assert.matches('^send_multipart: ROUTER socket at inproc://spec%-%d+: no peer "alice": ' ..
          ".*%(EHOSTUNREACH%)$", err.message)
        assert.same({ "alice", "EHOSTUNREACH" }, { err.peer, err.name })
        assert.matches("no peer 0x006b8b4567: ", fails("send_multipart",
          { zmq.frame(binary), "x" }).message)
        if module == zmq then
          assert.matches('no peer "bob": ', fails("send", "bob", zmq.SNDMORE).message)
        else
          local sent = router:send("bob", zmq.SNDMORE)
          assert.is_true(sent == true or sent:await())
          assert.matches('no peer "bob": ', fails("send", "x").message)
        end
        assert.matches('no peer "eve": ', fails("send_multipart", { "eve", "x" }, 0, true,
          true).message)
      end)
      own:destroy(0)
    end)
  end

  it("names it in what a stream tells, each in its order", function()
    local stream = eddy.stream(context:socket(zmq.ROUTER, settings), loop)
    stream:bind(support.inproc())
    local function send(count)
      for i = 1, count do stream:send_multipart { i == 3 and binary or "peer " .. i, "x" } end
    end
    send(3)
    support.turns(loop)
    assert.matches('no peer "peer 1":.*no peer "peer 2":.*no peer 0x006b8b4567:',
      support.take_log())
    local told = {}
    stream:on_err(function(err) told[#told + 1] = err.peer end)
    send(5)
    stream:flush()
    send(2)
    support.turns(loop)
    assert.same({ "peer 1", "peer 2", binary, "peer 4", "peer 5", "peer 1", "peer 2" }, told)
  end)

  it("names it when it was queued for one that left", function()
    local stream = eddy.stream(context:socket(zmq.ROUTER, { linger = 0, router_mandatory = true,
      sndhwm = 1 }), loop)
    local endpoint = stream:bind(support.inproc())
    local peer = context:socket(zmq.DEALER, { linger = 0, rcvhwm = 1, routing_id = "carol",
      connect = endpoint })
    support.turns(loop)
    local told = {}
    stream:on_err(function(err) told[#told + 1] = err.peer end)
    for _ = 1, 20 do stream:send_multipart { "carol", "x" } end
    support.turns(loop)
    local queued = stream:stats().queued
    assert.is_true(queued > 0)
    peer:close()
    context:socket(zmq.DEALER, { linger = 0, connect = endpoint })
    local bound = loop:time() + 5000
    while #told < queued and loop:time() < bound do support.turns(loop) end
    assert.equal(queued, #told)
    for _, name in ipairs(told) do assert.equal("carol", name) end
  end)

  it("is not logged when the callback of its send hears of it", function()
    local stream, heard = eddy.stream(context:socket(zmq.ROUTER, settings), loop), {}
    stream:bind(support.inproc())
    local function callback(_, err) heard[#heard + 1] = err.peer end
    stream:send_multipart({ "alice", "x" }, { callback = callback })
    support.turns(loop)
    assert.same({ "alice" }, heard)
    assert.equal("", support.take_log())
    stream:on_send(callback)
    stream:send_multipart { "bob", "x" }
    support.turns(loop)
    assert.same({ "alice", "bob" }, heard)
    assert.matches('no peer "bob"', support.take_log())
    local told = {}
    stream:on_err(function(err) told[#told + 1] = err.peer end)
    stream:send_multipart({ "eve", "x" }, { callback = callback })
    support.turns(loop)
    assert.same({ "eve" }, told)
    assert.equal("eve", heard[3])
  end)
end)
