local ffi = require "ffi"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

ffi.cdef [[
struct interrupted_times { long seconds[4]; };
int setitimer(int which, const struct interrupted_times *new, struct interrupted_times *old);
void (*signal(int number, void (*handler)(int)))(int);
int abs(int);
]]

local SIGALRM, EVERY_US, MS = 14, 2000, 60

-- Calls that wait, while signals come all the time whose handler does nothing. (It is a function
-- of C's, as signals cannot call Lua.)
describe("a signal that is handled by others", function()
  local loop, context, time, before

  local function every(us)
    assert(ffi.C.setitimer(0, ffi.new("struct interrupted_times", { { 0, us, 0, us } }), nil) == 0)
  end

  before_each(function()
    loop, context = support.open()
    time = require("eddy.base.libeddy").C.eddy_time
    before = ffi.C.signal(SIGALRM, ffi.cast("void (*)(int)", ffi.C.abs))
    every(EVERY_US)
  end)

  after_each(function()
    every(0)
    ffi.C.signal(SIGALRM, before)
    support.close()
  end)

  -- Calls fn, which must take its time: not less, and not very much more.
  local function takes_its_time(fn)
    local began = time()
    fn()
    local took = time() - began
    assert.is_true(took >= MS and took < 50 * MS)
  end

  it("ends no receive and no send before its time", function()
    local pull = context:socket(zmq.PULL, { rcvtimeo = MS })
    local push = context:socket(zmq.PUSH, { sndtimeo = MS })
    takes_its_time(function() assert.equal("EAGAIN", select(2, pull:recv()).name) end)
    takes_its_time(function() assert.equal("EAGAIN", select(2, push:send("x")).name) end)
    assert.equal(MS, pull.rcvtimeo)
    assert.equal(MS, push.sndtimeo)
  end)

  it("ends no poll, of a socket or of several", function()
    local pull = context:socket(zmq.PULL)
    local poller = zmq.poller()
    poller:register(pull)
    takes_its_time(function() assert.equal(0, pull:poll(MS)) end)
    takes_its_time(function() assert.same({}, poller:poll(MS)) end)
    takes_its_time(function() assert.same({}, (zmq.select({ pull }, nil, nil, MS))) end)
  end)

  it("brings no timer forward", function()
    takes_its_time(function()
      loop:call_later(MS, loop.stop, loop)
      support.run(loop)
    end)
  end)

  it("loses no message", function()
    local stream, push = support.streams(zmq.PULL, zmq.PUSH, "tcp")
    local COUNT = 5000
    local got, collect = support.collector(COUNT)
    stream:on_recv(collect)
    local sent = 0
    local timer
    timer = loop:call_every(1, function()
      for _ = 1, 100 do
        sent = sent + 1
        push:send(tostring(sent))
      end
      if sent == COUNT then timer:stop() end
    end)
    support.run(loop)
    for i = 1, COUNT do assert.equal(tostring(i), got[i][1]) end
  end)
end)
