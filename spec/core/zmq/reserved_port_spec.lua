local C, ffi = require "spec.support.room" "base/faults"
local ports = require "spec.support.ports"
local support = require "spec.core.support"
local errno = support.errno

ffi.cdef "int close(int descriptor);"

describe("core/zmq/reserved_port", function()
  local world, kept
  after_each(function()
    support.forget_faults()
    for _, descriptor in ipairs(kept) do ffi.C.close(descriptor) end
  end)
  support.each(function(...) world, kept = ..., {} end)

  local function reserve(endpoint)
    local descriptor = C.eddy_port_reserve(endpoint)
    assert.is_true(descriptor > 0)
    kept[#kept + 1] = descriptor
  end

  local function bind(endpoint, how)
    local socket = world:open "PULL"
    assert.equal(0, C.eddy_socket_share(world.context, socket, how or C.EDDY_PORT_OWN))
    return C.eddy_socket_bind(world.context, socket, endpoint), socket
  end

  it("is for those that join it", function()
    for _, host in ipairs { "127.0.0.1", "0.0.0.0" } do
      local endpoint = ("tcp://%s:%d"):format(host, ports.free(1))
      assert.equal(0, bind(endpoint, C.EDDY_PORT_FIRST))
      reserve(endpoint)
      assert.equal(-errno.EADDRINUSE, bind(endpoint))
      -- Which this process has already.
      assert.equal(-errno.EADDRINUSE, bind(endpoint, C.EDDY_PORT_JOINED))
    end
    local alone = "tcp://127.0.0.1:" .. ports.free(1)
    reserve(alone)
    assert.equal(0, bind(alone, C.EDDY_PORT_JOINED))
  end)

  it("is nobody else's when nobody listens there any more", function()
    local endpoint = "tcp://127.0.0.1:" .. ports.free(1)
    local _, socket = bind(endpoint, C.EDDY_PORT_FIRST)
    reserve(endpoint)
    assert.equal(0, C.eddy_socket_close(world.context, socket, 0))
    -- What this process has just given back is waited for until it is gone.
    assert.equal(-errno.EADDRINUSE, bind(endpoint))
    assert.equal(0, bind(endpoint, C.EDDY_PORT_JOINED))
  end)

  it("refuses what is no address", function()
    for _, text in ipairs { "", "tcp://", "tcp://127.0.0.1", "tcp://localhost:5555", "tcp://:5",
      "ipc://x", "inproc://x:1", "tcp://[::1:5", "tcp://[]:5", "tcp://127.0.0.1:x",
      "tcp://" .. ("1"):rep(300) .. ":5" } do
      assert.equal(-errno.EINVAL, C.eddy_port_reserve(text), text)
    end
    local socket = world:open "PULL"
    for _, how in ipairs { -1, 3 } do
      assert.equal(-errno.EINVAL, C.eddy_socket_share(world.context, socket, how))
    end
  end)

  it("leaves nothing open when the system refuses it", function()
    local endpoint = "tcp://127.0.0.1:" .. ports.free(1)
    local before = support.descriptors()
    for skip = 0, 1 do
      C.eddy__fault_plan(C.EDDY__FAULT_SOCKET, skip, 1, errno.EMFILE)
      assert.equal(-errno.EMFILE, C.eddy_port_reserve(endpoint))
    end
    assert.equal(before, support.descriptors())
  end)
end)
