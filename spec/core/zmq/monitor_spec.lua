local C, ffi = require "spec.support.room" "zmq/monitor"
require "spec.support.room" "base/faults"
local support = require "spec.core.support"

local zmq, errno = support.zmq, support.errno

ffi.cdef [[
void *zmq_socket(void *context, int type);
int zmq_close(void *socket);
int zmq_bind(void *socket, const char *endpoint);
int zmq_connect(void *socket, const char *endpoint);
int zmq_setsockopt(void *socket, int option, const void *value, size_t size);
int zmq_msg_recv(zmq_msg_t *msg, void *socket, int flags);
]]

describe("core/zmq/monitor", function()
  local context, open, names = nil, nil, 0

  before_each(function() context, open = C.zmq_ctx_new(), {} end)

  local function close(each)
    for i, other in ipairs(open) do
      if other == each then table.remove(open, i) end
    end
    local socket = each.zmq
    C.eddy__monitor_free(each)
    C.zmq_close(socket)
  end

  -- Closes in the order of opening, and fails when the context's end would wait.
  after_each(function()
    support.forget_faults()
    while open[1] do close(open[1]) end
    assert.equal(0, C.zmq_ctx_term(context))
  end)

  -- A socket's monitor.
  local function monitor(type)
    local none = ffi.new("int[1]")
    local socket = C.zmq_socket(context, zmq[type])
    C.zmq_setsockopt(socket, zmq.LINGER, none, 4)
    local each = C.eddy__monitor_new(socket, context)
    open[#open + 1] = each
    return each
  end

  local function endpoint()
    names = names + 1
    return "inproc://monitor-" .. names
  end

  local function start(each, at) return C.eddy__monitor_start(each, at, zmq.EVENT_ALL) end

  -- A monitor that runs, its reader, and where.
  local function watched()
    local each, reader, at = monitor "PULL", monitor "PAIR", endpoint()
    assert.equal(0, start(each, at))
    C.zmq_connect(reader.zmq, at)
    C.eddy__monitor_join(each, reader)
    return each, reader, at
  end

  -- The next event that a reader has, waiting for it.
  local function event(reader)
    local msg = ffi.new("zmq_msg_t")
    C.zmq_msg_init(msg)
    assert.equal(6, C.zmq_msg_recv(msg, reader.zmq, 0))
    local number = ffi.cast("uint16_t *", C.zmq_msg_data(msg))[0]
    C.zmq_msg_recv(msg, reader.zmq, 0)
    C.zmq_msg_close(msg)
    return number
  end

  it("tells its reader of events, and at last that it stopped", function()
    local each, reader = watched()
    C.zmq_bind(each.zmq, "tcp://127.0.0.1:*")
    assert.equal(zmq.EVENT_LISTENING, event(reader))
    C.eddy__monitor_stop(each)
    assert.equal(zmq.EVENT_MONITOR_STOPPED, event(reader))
    assert.equal(0, each.running)
    assert.is_true(each.reader == nil and reader.watched == nil)
    assert.equal(1, reader.is_spent)
    C.eddy__monitor_stop(each)
  end)

  it("awaits a reader at its endpoint, until one joins", function()
    local each, at = monitor "PULL", endpoint()
    assert.equal(0, C.eddy__monitor_awaits(each, at))
    start(each, at)
    assert.equal(1, C.eddy__monitor_awaits(each, at))
    assert.equal(0, C.eddy__monitor_awaits(each, at .. "x"))
    local reader = monitor "PAIR"
    C.zmq_connect(reader.zmq, at)
    C.eddy__monitor_join(each, reader)
    assert.equal(0, C.eddy__monitor_awaits(each, at))
  end)

  it("stops without a reader, and does not wait for one", function()
    local each = monitor "PULL"
    start(each, endpoint())
    C.eddy__monitor_stop(each)
    assert.equal(0, each.running)
  end)

  it("ends before its reader does", function()
    local each, reader = watched()
    close(reader)
    assert.equal(0, each.running)
    assert.is_true(each.reader == nil)
  end)

  it("ends before its socket does", function()
    local each, reader = watched()
    close(each)
    assert.equal(zmq.EVENT_MONITOR_STOPPED, event(reader))
    assert.is_true(reader.watched == nil)
  end)

  it("has its reader to itself: joining another ends the first", function()
    local first, reader = watched()
    local second = monitor "PULL"
    C.eddy__monitor_join(second, reader)
    assert.equal(0, first.running)
    assert.is_true(reader.watched == second)
    assert.equal(0, reader.is_spent)
  end)

  it("moves, and comes back to an endpoint that libzmq is about to give back", function()
    local each, _, at = watched()
    local other = endpoint()
    assert.equal(0, start(each, other))
    assert.equal(1, C.eddy__monitor_awaits(each, other))
    for _ = 1, 20 do assert.equal(0, start(each, other)) end
    assert.equal(1, C.eddy__monitor_awaits(each, other))
    assert.equal(0, C.eddy__monitor_awaits(each, at))
  end)

  it("cannot be where another one is", function()
    local _, _, at = watched()
    assert.equal(-errno.EADDRINUSE, start(monitor "PULL", at))
  end)

  it("goes nowhere when libzmq refuses, and keeps nothing", function()
    local each, reader = watched()
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_MONITOR, 0, 1, errno.EMFILE)
    assert.equal(-errno.EMFILE, start(each, endpoint()))
    assert.equal(0, each.running)
    assert.equal(zmq.EVENT_MONITOR_STOPPED, event(reader))
  end)

  it("waits a bounded time for an endpoint, and for a call that is interrupted", function()
    local each, _, at = watched()
    local MANY = 1000000
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_MONITOR, 0, MANY, errno.EADDRINUSE)
    assert.equal(-errno.EADDRINUSE, start(each, at))
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_MONITOR, 0, MANY, errno.EINTR)
    assert.equal(-errno.EINTR, start(each, at))
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_MONITOR, 0, 3, errno.EINTR)
    assert.equal(0, start(each, at))
    assert.equal(4, C.eddy__fault_count(C.EDDY__FAULT_ZMQ_MONITOR))
  end)

  it("runs on as it was when there is no memory for another", function()
    local each, reader = watched()
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, errno.ENOMEM)
    assert.equal(-errno.ENOMEM, start(each, endpoint()))
    assert.equal(1, each.running)
    assert.is_true(each.reader == reader)
  end)

  it("runs on as it was when there can be no stand-in for another's reader", function()
    local each, reader = watched()
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_SOCKET, 0, 1, errno.EMFILE)
    assert.equal(-errno.EMFILE, start(each, endpoint()))
    assert.equal(1, each.running)
    assert.is_true(each.reader == reader)
  end)

  it("stops though the process has no descriptor left", function()
    local each = monitor "PULL"
    start(each, endpoint())
    C.eddy__fault_plan(C.EDDY__FAULT_ZMQ_SOCKET, 0, 1, errno.EMFILE)
    C.eddy__monitor_stop(each)
    assert.equal(0, each.running)
  end)
end)
