-- Sockets that a service manager made and passes on, with its part played by the spec.
local process = require "spec.support.process"
local sockets = require "spec.support.sockets"

local check, quote = process.check, process.quote

-- Shell code that runs the host with descriptors in the places where they are passed.
local function passing(fds, arguments)
  local moves = {}
  for i, fd in ipairs(fds) do
    moves[#moves + 1] = ("exec %d<&%d"):format(100 + i, fd)
  end
  for i in ipairs(fds) do
    moves[#moves + 1] = ("exec %d<&%d %d<&-"):format(2 + i, 100 + i, 100 + i)
  end
  return ("%s; LISTEN_FDS=%d LISTEN_PID=$$ exec %s %s"):format(table.concat(moves, "; "), #fds,
    quote(EDDY_HOST), arguments)
end

describe("sockets that are passed", function()
  local dir, scripts, remove, fds

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir " .. dir) == 0)
    fds = {}
    scripts, remove = process.scripts()
  end)
  after_each(function()
    for _, fd in ipairs(fds) do sockets.close(fd) end
    os.execute("rm -r " .. dir)
    remove()
  end)

  local function tcp(host)
    local fd, port = sockets.tcp(host)
    fds[#fds + 1] = fd
    return port
  end

  local function ipc(name)
    fds[#fds + 1] = sockets.ipc(name)
  end

  -- Runs a script with the sockets; its arguments are these.
  local function run(text, ...)
    local words = { quote(scripts([[
      local eddy = require "eddy"
      local zmq = eddy.zmq
      local function talk(server, endpoint)
        local client = zmq.instance():socket(zmq.PUSH, { connect = endpoint })
        client:send "hello"
        assert(server:poll(10000) ~= 0, "nothing came")
        print(server:recv())
        client:close()
      end
      local function pull(endpoint, options)
        local socket = zmq.instance():socket(zmq.PULL, options)
        socket:bind(endpoint)
        return socket
      end
      local a, b = ...
      ]] .. text)) }
    for i = 1, select("#", ...) do words[i + 1] = quote((select(i, ...))) end
    return process.shell(passing(fds, table.concat(words, " ")))
  end

  it("are bound to by their address", function()
    local port = tcp "127.0.0.1"
    local out = check(0, run([[
      local server = pull(a)
      print(server.last_endpoint)
      talk(server, a)]], "tcp://127.0.0.1:" .. port))
    assert.equal(("tcp://127.0.0.1:%d\nhello\n"):format(port), out)
  end)

  it("are not for workers", function()
    tcp "127.0.0.1"
    local _, err = check(2, process.shell(passing(fds, "--workers 2 no.lua")))
    assert.matches("LISTEN_FDS) are not for workers", err, 1, true)
  end)

  it("are found among several", function()
    local first, second = tcp "127.0.0.1", tcp "127.0.0.1"
    ipc(dir .. "/a")
    ipc("\0" .. dir)
    local out = check(0, run([[
      for _, each in ipairs { ... } do talk(pull(each, { insecure = true }), each) end]],
      "ipc://@" .. dir, "tcp://127.0.0.1:" .. second, "ipc://" .. dir .. "/a",
      "tcp://127.0.0.1:" .. first))
    assert.equal(("hello\n"):rep(4), out)
  end)

  it("of an ipc path keep their file, which is not libzmq's to remove", function()
    ipc(dir .. "/a")
    for _ = 1, 2 do
      check(0, run("local s = pull(a) talk(s, a) s:close()", "ipc://" .. dir .. "/a"))
    end
    assert.equal(0, os.execute("test -S " .. dir .. "/a"))
  end)

  it("of a path are found by another name of it", function()
    ipc(dir .. "/a")
    assert(os.execute(("ln -s . %s/here"):format(dir)) == 0)
    check(0, run("talk(pull(a), a)", "ipc://" .. dir .. "/here/a"))
  end)

  for _, host in ipairs { "::", "0.0.0.0" } do
    it("at " .. host .. " are those of a bind everywhere, which can end and begin anew", function()
      local port = tcp(host)
      local out = check(0, run([[
        local server = pull(a, { insecure = true })
        talk(server, b)
        server:unbind(a)
        server:bind(a)
        talk(server, b)]], "tcp://*:" .. port, "tcp://127.0.0.1:" .. port))
      assert.equal("hello\nhello\n", out)
    end)
  end

  it("are found by the name of a host", function()
    local port = tcp "127.0.0.1"
    check(0, run("talk(pull(a), a)", "tcp://localhost:" .. port))
  end)

  it("for one address are those of a bind everywhere, where there is none other", function()
    local port = tcp "127.0.0.1"
    check(0, run("talk(pull(a, { insecure = true }), b)", "tcp://*:" .. port,
      "tcp://127.0.0.1:" .. port))
  end)

  it("are not taken by a bind that is meant for less", function()
    local port = tcp "0.0.0.0"
    local _, err = check(1, run("pull(a)", "tcp://127.0.0.1:" .. port))
    assert.matches("Address already in use", err)
  end)

  it("do not let strangers in: the script says who may come", function()
    local port = tcp "::"
    local _, err = check(1, run("pull(a)", "tcp://*:" .. port))
    assert.matches("other machines can reach this", err)
  end)

  it("belong to one socket at a time", function()
    local port = tcp "127.0.0.1"
    local out = check(0, run([[
      local first = pull(a)
      print(select(2, pcall(pull, a)).name)
      first:close()
      talk(pull(a), a)]], "tcp://127.0.0.1:" .. port))
    assert.equal("EADDRINUSE\nhello\n", out)
  end)

  it("are not inherited by children", function()
    tcp "127.0.0.1"
    local out = check(0, run [[
      io.stdout:write(io.popen("test -e /proc/self/fd/3 && echo there || echo none"):read("*a"))]])
    assert.equal("none\n", out)
  end)

  it("and that nobody is bound to are in the log, once", function()
    local port = tcp "127.0.0.1"
    fds[#fds + 1] = sockets.datagrams(dir .. "/x", true)
    local _, err = check(0, run("eddy.loop.instance():call_later(10, print)"))
    assert.equal(("eddy: was given to listen at (LISTEN_FDS), and nothing is bound there: " ..
      "tcp://127.0.0.1:%d, 1 descriptor that no socket can be bound to\n"):format(port), err)
  end)

  it("to another process are left alone", function()
    local port = tcp "127.0.0.1"
    local bind = "require('eddy.zmq').instance():socket(7):bind 'tcp://127.0.0.1:%d'"
    local code, _, err = process.shell(("LISTEN_FDS=1 LISTEN_PID=1 %s -e %s"):format(
      quote(EDDY_HOST), quote(bind:format(port))))
    assert.equal(1, code)
    assert.matches("Address already in use", err)
  end)

  it("are those of systemd-socket-activate, which passes them as systemd does", function()
    if process.shell "command -v systemd-socket-activate" ~= 0 then
      return pending "systemd-socket-activate is not installed"
    end
    local path = dir .. "/a"
    local name = scripts [[
      local zmq = require "eddy.zmq"
      local server = zmq.instance():socket(zmq.REP, { bind = "ipc://" .. ... })
      server:send(server:recv() .. " to you")]]
    local out = check(0, process.shell(([[
      systemd-socket-activate -l %s %s %s %s 2>/dev/null & pid=$!
      until test -S %s; do sleep 0.01; done
      %s -e 'local zmq = require "eddy.zmq"
        local s = zmq.instance():socket(zmq.REQ, { connect = "ipc://%s", rcvtimeo = 20000 })
        s:send "hello" print(s:recv())'
      code=$?; wait $pid; exit $code]]):format(path, quote(EDDY_HOST), name, path, path,
        quote(EDDY_HOST), path)))
    assert.equal("hello to you\n", out)
  end)
end)

describe("a descriptor that a script gives to libzmq", function()
  it("may listen at a path, whose file stays", function()
    local dir = os.tmpname()
    os.remove(dir)
    os.execute("mkdir " .. dir)
    local fd = sockets.ipc(dir .. "/a")
    local code, out, err = process.eddy("-e", ([[
      local zmq, endpoint = require "eddy.zmq", "ipc://%s/a"
      local server = zmq.instance():socket(zmq.PULL, { use_fd = %d })
      server:bind(endpoint)
      local client = zmq.instance():socket(zmq.PUSH, { connect = endpoint })
      client:send "hello"
      assert(server:poll(10000) ~= 0)
      print(server:recv())
      server:close()]]):format(dir, fd))
    local is_there = os.execute(("test -S %s/a"):format(dir)) == 0
    sockets.close(fd)
    os.execute("rm -r " .. dir)
    assert.equal("hello\n", process.check(0, code, out, err))
    assert.is_true(is_there)
  end)
end)
