-- Connections for which there are no descriptors.
local process = require "spec.support.process"
local support = require "spec.lua.support"

-- Peers that come in a crowd, and come back until all were let in: they say when some were turned
-- away, and in the end how often. Arguments: a port, and how many.
local crowd = [[
  local zmtp = require "spec.zmtp.peer"
  local port, count, inside, turned_away = tonumber(arg[1]), tonumber(arg[2]), {}, 0
  repeat
    local peer = zmtp.connect(port)
    if peer:receive(10) then
      inside[#inside + 1] = peer
    else
      peer:leave()
      turned_away = turned_away + 1
      if turned_away == 1 then
        print "turned away"
        io.stdout:flush()
      end
    end
  until #inside == count
  print(turned_away)
]]

-- Leaves five descriptors, lets the crowd come, and frees the others when one was turned away.
local server = [[
  local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
  ffi.cdef "int fcntl(int fd, int command, ...); int close(int fd); int fileno(void *file);"
  local F_DUPFD_CLOEXEC = 1030
  local loop = eddy.loop.instance()
  local pull = eddy.stream(zmq.instance():socket(zmq.PULL, { linger = 0 }))
  local failed = 0
  pull:on_event(function() failed = failed + 1 end, zmq.EVENT_ACCEPT_FAILED)
  pull:bind("tcp://127.0.0.1:*")
  local port = pull.socket.last_endpoint:match("(%%d+)$")
  local taken, fd = {}, nil
  repeat
    fd = ffi.C.fcntl(0, F_DUPFD_CLOEXEC, ffi.new("int", 0))
    if fd >= 0 then taken[#taken + 1] = fd end
  until fd < 0
  local POPEN, FREE, PEERS = 3, 5, 20
  for _ = 1, POPEN + FREE do ffi.C.close(table.remove(taken)) end
  local file = assert(io.popen(("%%s %%s %%s %%d"):format(%q, %q, port, PEERS)))
  loop:add_handler(ffi.C.fileno(file), function(handle)
    local line = file:read("*l")
    if line == "turned away" then
      for _, each in ipairs(taken) do ffi.C.close(each) end
      return
    end
    -- Each connection that was turned away failed once, and nothing else did.
    loop:remove_handler(handle)
    loop:call_every(1, function()
      if failed < tonumber(line) then return end
      print(failed > 0, failed == tonumber(line))
      os.exit(0)
    end)
  end, zmq.POLLIN)
]]

describe("a listener without descriptors", function()
  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  it("turns peers away, who come back, and does not try again and again", function()
    -- ASan's check for leaks needs descriptors of its own.
    if support.is_sanitized() then return pending "not with ASan" end
    local peers = script(("package.path = %q .. '/?.lua;' .. package.path\n"):format(EDDY_ROOT) ..
      crowd)
    local host = process.quote(EDDY_HOST)
    local code, out, err = process.shell(("prlimit --nofile=64:64 %s %s"):format(host,
      script(server:format(host, peers))))
    assert.same({ 0, "true\ttrue\n", "" }, { code, out, err })
  end)

  it("answers a script that asks it while nobody is there", function()
    if support.is_sanitized() then return pending "not with ASan" end
    local code, out, err = process.shell(("timeout 5 prlimit --nofile=64:64 %s %s"):format(
      process.quote(EDDY_HOST), script [[
        local ffi = require "ffi"
        ffi.cdef "int socket(int, int, int); int listen(int, int); int dup(int fd);"
        ffi.cdef "int accept4(int, void *, void *, int); int close(int fd);"
        local AF_INET, SOCK_STREAM, EMFILE = 2, 1, 24
        local listener = ffi.C.socket(AF_INET, SOCK_STREAM, 0)
        assert(ffi.C.listen(listener, 1) == 0)
        local last, fd = nil, nil
        repeat last, fd = fd, ffi.C.dup(0) until fd < 0
        print(ffi.C.accept4(listener, nil, nil, 0), ffi.errno() == EMFILE)
        ffi.C.close(last) -- a build that counts writes to a file in the end]]))
    assert.same({ 0, "-1\ttrue\n", "" }, { code, out, err })
  end)
end)
