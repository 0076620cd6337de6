-- Connections for which there are no descriptors.
local process = require "spec.process"

-- Peers that come in a crowd: they say how many were turned away, and come back until all
-- were let in. Arguments: a port, and how many.
local crowd = [[
  local zmtp = require "spec.zmtp.peer"
  local port, count, inside, turned_away = tonumber(arg[1]), tonumber(arg[2]), {}, 0
  local function try()
    local peer = zmtp.connect(port)
    local let_in = peer:receive(10) ~= nil
    if let_in then inside[#inside + 1] = peer else peer:leave() end
    return let_in
  end
  for _ = 1, count do
    if not try() then turned_away = turned_away + 1 end
  end
  print(turned_away)
  io.stdout:flush()
  repeat try() until #inside == count
  print "all are in"
]]

-- Leaves five descriptors, lets the crowd come, and frees the others when some were turned away.
local server = [[
  local eddy, zmq, ffi = require "eddy", require "eddy.zmq", require "ffi"
  ffi.cdef "int dup(int fd); int close(int fd); int fileno(void *file);"
  local loop = eddy.loop.instance()
  local pull = eddy.stream(zmq.instance():socket(zmq.PULL, { linger = 0 }))
  local failed = 0
  pull:on_event(function() failed = failed + 1 end, zmq.EVENT_ACCEPT_FAILED)
  pull:bind("tcp://127.0.0.1:*")
  local port = pull.socket.last_endpoint:match("(%%d+)$")
  local taken, fd = {}, nil
  repeat
    fd = ffi.C.dup(0)
    if fd >= 0 then taken[#taken + 1] = fd end
  until fd < 0
  local POPEN, FREE, PEERS = 3, 5, 20
  for _ = 1, POPEN + FREE do ffi.C.close(table.remove(taken)) end
  local file = assert(io.popen(("%%s %%s %%s %%d"):format(%q, %q, port, PEERS)))
  loop:add_handler(ffi.C.fileno(file), function()
    local line = file:read("*l")
    if line == "all are in" then
      print(line)
      os.exit(0)
    end
    -- Nobody spins: no more tries failed than there were connections.
    print(tonumber(line) > 0, failed > 0, failed <= PEERS)
    for _, each in ipairs(taken) do ffi.C.close(each) end
  end, zmq.POLLIN)
]]

describe("a listener without descriptors", function()
  local script, remove_scripts = process.scripts()
  after_each(remove_scripts)

  it("turns peers away, who come back, and does not try again and again", function()
    -- ASan's check for leaks needs descriptors of its own.
    if os.getenv "ASAN_OPTIONS" then return pending "not with ASan" end
    local peers = script(("package.path = %q .. '/?.lua;' .. package.path\n"):format(EDDY_ROOT) ..
      crowd)
    local host = process.quote(EDDY_HOST)
    local code, out, err = process.shell(("prlimit --nofile=64:64 %s %s"):format(host,
      script(server:format(host, peers))))
    assert.same({ 0, "true\ttrue\ttrue\nall are in\n", "" }, { code, out, err })
  end)
end)
