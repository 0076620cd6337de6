-- Paths of ipc: who has one keeps it, and nothing else that is there is removed.
local ffi = require "ffi"
local full = require "spec.support.full"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

ffi.cdef [[
struct ipc_spec_address { unsigned short family; char path[108]; };
int socket(int domain, int type, int protocol);
int bind(int fd, const struct ipc_spec_address *address, unsigned size);
int flock(int fd, int operation);
]]
pcall(ffi.cdef, "int open(const char *path, int flags, ...);")
pcall(ffi.cdef, "int close(int fd);")

local now = require("eddy.base.libeddy").C.eddy_time

local AF_UNIX, STREAM, DATAGRAM, LOCK_EX = 1, 1, 2, 2

local STARTS = full.size(10, 100)  -- of two hosts at once
local SECONDS = full.size(5, 100)  -- second instances, while the first one works
local MESSAGES = 100               -- sent to the first one beside each of them

describe("an ipc path", function()
  local context, folder, path, endpoint
  before_each(function()
    context, folder = select(2, support.open()), support.temp_dir()
    path = folder .. "/socket"
    endpoint = "ipc://" .. path
  end)
  after_each(function()
    support.close()
    os.execute("rm -r " .. folder)
  end)

  -- A socket of the kernel's, which leaves its path behind when it is closed.
  local function kernel_socket(kind)
    local fd = ffi.C.socket(AF_UNIX, kind, 0)
    local address = ffi.new("struct ipc_spec_address", AF_UNIX, path)
    assert.equal(0, ffi.C.bind(fd, address, ffi.sizeof(address)))
    return fd
  end

  local function bind(where)
    local socket = context:socket(zmq.PULL, { linger = 0 })
    local ok, err = pcall(socket.bind, socket, where or endpoint)
    return ok and socket, err
  end

  it("is kept by the process that has it, which loses nothing by those that try", function()
    local pull = bind()
    local push = context:socket(zmq.PUSH, { linger = 0, sndhwm = 0, connect = endpoint })
    pull.rcvtimeo = 5000
    for instance = 1, SECONDS do
      for i = 1, MESSAGES do push:send(instance .. " " .. i) end
      local text, status = support.script(([[
        local zmq = require "eddy.zmq"
        local ok, err = pcall(function() zmq.instance():socket(zmq.PULL):bind(%q) end)
        io.write(ok and "bound" or err.name)
      ]]):format(endpoint))
      assert.same({ "EADDRINUSE", 0 }, { text, status })
    end
    for instance = 1, SECONDS do
      for i = 1, MESSAGES do assert.equal(instance .. " " .. i, pull:recv()) end
    end
    full.figure("an ipc path that is taken", "refused %d times, none of %d messages lost", SECONDS,
      SECONDS * MESSAGES)
  end)

  it("has one of two hosts that start at the same moment, where a dead one left it", function()
    local host = process.script(([[
      local zmq = require "eddy.zmq"
      local socket = zmq.instance():socket(zmq.PULL, { linger = 0, rcvtimeo = 5000 })
      local now = require("eddy.base.libeddy").C.eddy_time
      print "ready"
      io.flush()
      local moment
      repeat moment = io.open(%q) until moment
      moment = moment:read("*n")
      repeat until now() >= moment
      local ok, err = pcall(socket.bind, socket, %q)
      print(ok and "bound" or err.name)
      io.flush()
      print(ok and socket:recv() or "over")
    ]]):format(folder .. "/moment", endpoint))
    for _ = 1, STARTS do
      ffi.C.close(kernel_socket(STREAM))
      local hosts, words = {}, {}
      for i = 1, 2 do hosts[i] = io.popen(process.quote(EDDY_HOST) .. " " .. host .. " 2>&1") end
      for i = 1, 2 do assert.equal("ready", hosts[i]:read("*l")) end
      local file = assert(io.open(folder .. "/new", "w"))
      file:write(("%.6f"):format(now() + 5))
      file:close()
      os.rename(folder .. "/new", folder .. "/moment")
      for i = 1, 2 do words[i] = hosts[i]:read("*l") end
      local push = context:socket(zmq.PUSH, { linger = 0, connect = endpoint })
      push:send("reached")
      for i = 1, 2 do
        words[i] = words[i] .. " " .. hosts[i]:read("*l")
        hosts[i]:close()
      end
      push:close()
      table.sort(words)
      assert.same({ "EADDRINUSE over", "bound reached" }, words)
      os.remove(folder .. "/moment")
      os.remove(path)
    end
    os.remove(host)
    full.figure("two that bind at once", "%d times, one of them had the path each time", STARTS)
  end)

  it("is bound without a lock when somebody else keeps its folder locked", function()
    local fd = ffi.C.open(folder, 0)
    assert.equal(0, ffi.C.flock(fd, LOCK_EX))
    local began = now()
    local pull = assert(bind())
    local took = now() - began
    assert.message(took).is_true(took >= 999 and took < 10000)
    pull:close()
    ffi.C.close(fd)
  end)

  it("may be of a folder that is not there", function()
    local _, err = bind("ipc://" .. folder .. "/none/socket")
    assert.equal("ENOENT", err.name)
  end)

  it("is taken from a process that was killed", function()
    support.script(([[
      local zmq = require "eddy.zmq"
      zmq.instance():socket(zmq.PULL):bind(%q)
      require("ffi").cdef "int kill(int pid, int signal); int getpid(void);"
      require("ffi").C.kill(require("ffi").C.getpid(), 9)
    ]]):format(endpoint))
    assert(io.popen("ls " .. folder):read("*l") == "socket")
    bind():close()
  end)

  it("is not taken from a file, nor from a socket of another kind", function()
    local file = assert(io.open(path, "w"))
    file:write("precious")
    file:close()
    local _, err = bind()
    assert.equal("EADDRINUSE", err.name)
    file = assert(io.open(path))
    assert.equal("precious", file:read("*a"))
    file:close()
    os.remove(path)

    local fd = kernel_socket(DATAGRAM)
    _, err = bind()
    ffi.C.close(fd)
    assert.equal("EADDRINUSE", err.name)
    assert.equal("socket", io.popen("ls " .. folder):read("*l"))
  end)
end)
