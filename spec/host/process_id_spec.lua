-- libzmq's questions for the process's id, which the host answers.
local process = require "spec.support.process"

local check, eddy = process.check, process.eddy

-- A socket's call in a child ends with EINTR when libzmq sees that it is one.
local SCRIPT = [[
  local ffi = require "ffi"
  ffi.cdef "int fork(void); int _Fork(void); int waitpid(int, int *, int); void _exit(int);"
  ffi.cdef "int getpid(void); void *zmq_ctx_new(void); void *zmq_socket(void *, int);"
  ffi.cdef "int zmq_bind(void *, const char *); int zmq_recv(void *, void *, size_t, int);"
  local C, PULL, DONTWAIT, EINTR, EAGAIN = ffi.C, 7, 1, 4, 11
  local pull = C.zmq_socket(C.zmq_ctx_new(), PULL)
  C.zmq_bind(pull, "inproc://x")
  local function receive()
    return C.zmq_recv(pull, nil, 0, DONTWAIT) == -1 and ffi.errno() or 0
  end
  local own = C.getpid()
  for _, fork in ipairs { C.fork, C._Fork } do
    assert(receive() == EAGAIN)
    local child, how = fork(), ffi.new "int[1]"
    if child == 0 then C._exit(receive() == EINTR and C.getpid() ~= own and 0 or 1) end
    C.waitpid(child, how, 0)
    print(how[0])
    assert(receive() == EAGAIN and C.getpid() == own)
  end
  os.exit(0)]]

describe("libzmq", function()
  it("knows a child of a fork, also of one that tells nobody", function()
    local out = check(0, eddy("-e", SCRIPT))
    assert.equal("0\n0\n", out)
  end)
end)
