-- What users hold has a text that helps.
local async = require "eddy.async"
local devices = require "eddy.devices"
local eddy = require "eddy"
local log = require "eddy.log"
local support = require "spec.lua.support"
local testing = require "eddy.testing"
local zmq = require "eddy.zmq"

describe("the text of", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  local here = "spec/lua/base/text_spec%.lua:%d+"
  local function check(pattern, object)
    assert.matches("^" .. pattern .. "$", tostring(object))
  end

  it("loops, with their names", function()
    check("a loop", loop)
    loop.name = "inner"
    check('loop "inner"', loop)
    check("the default loop", eddy.loop.instance())
  end)

  it("timers", function()
    local once, tick = loop:call_later(1.5, print), loop:call_every(100, function() end)
    check("timer after 1%.500 ms at a C function", once)
    tick.name = "tick"
    check('timer "tick" every 100 ms at .*' .. here, tick)
    tick:cancel()
    check('timer "tick" every 100 ms at .*' .. here .. " %(stopped%)", tick)
    once:cancel()
  end)

  it("tasks and futures", function()
    local task, future = loop:spawn(function() return 1 end), eddy.future(loop)
    check("task %(.*" .. here .. "%) %(pending%)", task)
    task.name, future.name = "count", "the answer"
    support.turns(loop)
    check('task "count" %(.*' .. here .. "%) %(done%)", task)
    check('future "the answer" %(pending%)', future)
    check("with_timeout %(pending%)", eddy.with_timeout(1e6, future))
    future:cancel()
    check('future "the answer" %(cancelled%)', future)
  end)

  it("contexts, sockets and streams", function()
    local socket = context:socket(zmq.PULL, { bind = support.inproc() })
    check("context %(1 sockets?%)", context)
    check("PULL socket at inproc://spec%-%d+", socket)
    local stream = eddy.stream(socket, loop)
    check("stream %(PULL socket at inproc://spec%-%d+%)", stream)
    stream.name = "feed"
    check("stream %(feed%)", stream)
    stream:close()
    check("stream %(feed%) %(closed%)", stream)
    check("PULL socket at inproc://spec%-%d+ %(closed%)", socket)
  end)

  it("frames, trackers and pollers", function()
    local frame = zmq.frame("abc", true)
    check('frame %("abc"%)', frame)
    check("tracker %(pending%)", frame.tracker)
    check("tracker %(done%)", zmq.tracker())
    for _, module in ipairs { zmq, async } do
      local poller = module.poller()
      check("poller %(empty%)", poller)
      poller:register(context:socket(zmq.PULL))
      poller:register(0)
      check("poller of PULL socket, descriptor 0", poller)
    end
  end)

  it("handlers of signals, and wakers", function()
    local handler, waker = loop:on_signal("SIGHUP", function() end), loop:add_waker(function() end)
    check("handler of signal SIGHUP", handler)
    handler.name = "reload"
    check('handler "reload" of signal SIGHUP', handler)
    handler:cancel()
    check('handler "reload" of signal SIGHUP %(cancelled%)', handler)
    check("waker %(.*" .. here .. "%)", waker)
    waker:close()
    check("waker %(.*" .. here .. "%) %(closed%)", waker)
  end)

  it("devices, loggers and their handlers, and cases of tests", function()
    check("device", devices.device(zmq.QUEUE, zmq.PULL, zmq.PUSH))
    check("logger", log.logger())
    check('logger "app"', log.logger "app")
    check('topic logger "app"', log.topic_logger "app")
    check("log handler of the standard error", log.stderr_handler())
    check("log handler of PUB socket", log.pub_handler(context:socket(zmq.PUB)))
    local case = testing.new()
    check("test case", case)
    case:close()
    check("test case %(closed%)", case)
  end)
end)
