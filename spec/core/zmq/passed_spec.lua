local C, ffi = require "spec.support.room" "base/faults"
local support = require "spec.core.support"
local sockets = require "spec.support.sockets"
local errno = support.errno

describe("core/zmq/passed", function()
  local world
  support.each(function(...) world = ... end)

  local name = ffi.new "char[256]"
  -- They stay for the life of the process.
  local fd, port = sockets.tcp "127.0.0.1"
  assert(C.eddy_passed_add(fd) == 0)
  local endpoint = "tcp://127.0.0.1:" .. port

  local function bind(socket) return C.eddy_socket_bind(world.context, socket, endpoint) end

  it("knows them by name, and whether they were bound to", function()
    assert.equal(-errno.ENOENT, C.eddy_passed_get(-1, name, 256))
    assert.equal(-errno.ENOENT, C.eddy_passed_get(64, name, 256))
    assert.is_true(C.eddy_passed_get(0, name, 256) >= 0)
    assert.equal(endpoint, ffi.string(name))
    C.eddy_passed_get(0, name, 4)
    assert.equal("tcp", ffi.string(name))
  end)

  it("takes none that do not listen", function()
    local path = os.tmpname()
    os.remove(path)
    local datagrams = sockets.datagrams(path)
    assert.equal(-errno.EINVAL, C.eddy_passed_add(datagrams))
    sockets.close(datagrams)
    os.remove(path)
    assert.equal(-errno.EBADF, C.eddy_passed_add(datagrams))
    assert.equal(-errno.ENOTSOCK, C.eddy_passed_add(0))
  end)

  for call, error in pairs {
    COPY = errno.EMFILE, ZMQ_SET = errno.EINVAL, ZMQ_BIND = errno.ENOMEM,
  } do
    it("is free again when a bind to one fails: " .. call, function()
      local socket = world:open "PULL"
      C.eddy__fault_plan(C["EDDY__FAULT_" .. call], 0, 1, error)
      assert.equal(-error, bind(socket))
      C.eddy__fault_plan(C["EDDY__FAULT_" .. call], 0, 0, 0)
      assert.equal(0, bind(socket))
      assert.equal(-errno.EADDRINUSE, bind(world:open "PULL"))
      assert.equal(1, C.eddy_passed_get(0, name, 256))
      assert.equal(0, C.eddy_socket_unbind(world.context, socket, endpoint))
      assert.equal(0, bind(socket))
    end)
  end
end)
