-- What a service manager hears, and what it passes, with its part played by the spec.
local c = require "eddy.base.libeddy"
local full = require "spec.support.full"
local process = require "spec.support.process"
local sockets = require "spec.support.sockets"

local C = c.C
local WITHIN_MS = full.size(20000, 600000)

local function wait_for(fn, what)
  local deadline = C.eddy_time() + WITHIN_MS
  repeat
    local value = fn()
    if value then return value end
    os.execute "sleep 0.01"
  until C.eddy_time() > deadline
  error("nothing came: " .. what)
end

describe("a service manager that listens", function()
  local dir, fd, host, heard

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir " .. dir) == 0)
    fd, heard = sockets.datagrams(dir .. "/notify"), {}
  end)
  after_each(function()
    if host then host:kill() end
    host = nil
    sockets.close(fd)
    os.execute("rm -r " .. dir)
  end)

  -- Starts a host that has what a service manager sets.
  local function start(script, more)
    local env = ("env NOTIFY_SOCKET=%s/notify %s"):format(dir, more or "")
    host = process.start(("local dir = %q\n"):format(dir) .. script, env)
  end

  -- Waits until it hears a datagram with this line.
  local function hears(line)
    return wait_for(function()
      local text = sockets.receive(fd)
      if text then heard[#heard + 1] = text end
      return text and ("\n" .. text .. "\n"):find("\n" .. line .. "\n") and text
    end, line .. " after " .. table.concat(heard, " | "))
  end

  local function send_signal(name) os.execute(("kill -%s %d"):format(name, host.pid)) end

  it("hears that the process is ready, and what it has", function()
    start [[
      local eddy = require "eddy"
      eddy.stream(eddy.zmq.instance():socket(eddy.zmq.PULL, { bind = "inproc://x" }))
      eddy.loop.instance():call_later(60000, print)]]
    assert.matches("STATUS=1 stream, 0 messages/s", hears "READY=1")
  end)

  it("hears it once a turn was made, and not while the script waits for what it needs", function()
    start [[
      local eddy = require "eddy"
      local loop = eddy.loop.instance()
      local function is_there() return io.open(dir .. "/go") end
      eddy.sleep(1)
      io.open(dir .. "/waited", "w"):close()
      repeat eddy.sleep(1) until is_there()
      loop:call_later(60000, print)]]
    wait_for(function() return io.open(dir .. "/waited") end, "the wait")
    assert.is_nil(sockets.receive(fd))
    io.open(dir .. "/go", "w"):close()
    hears "READY=1"
  end)

  it("hears of the end, and how long it may take", function()
    start("require('eddy').loop.instance():call_later(60000, print)")
    hears "READY=1"
    send_signal "TERM"
    assert.matches("EXTEND_TIMEOUT_USEC=10000000\nSTATUS=ending, 0 messages waiting",
      hears "STOPPING=1")
  end)

  it("hears of an end by os.exit, too", function()
    start [[
      local loop = require("eddy").loop.instance()
      loop:call_later(50, os.exit)]]
    hears "STOPPING=1"
  end)

  describe("and watches", function()
    local script = [[
      local loop = require("eddy").loop.instance()
      loop:on_signal("USR1", function()
        io.open(dir .. "/hangs", "w"):close()
        repeat until io.open(dir .. "/go")
      end)
      loop:call_later(60000, print)]]

    it("hears from a loop that turns, until a handler hangs", function()
      start(script, "WATCHDOG_USEC=100000")
      hears "READY=1"
      hears "WATCHDOG=1"
      hears "WATCHDOG=1"
      send_signal "USR1"
      wait_for(function() return io.open(dir .. "/hangs") end, "the signal")
      while sockets.receive(fd) do end
      os.execute "sleep 0.3"
      assert.is_nil(sockets.receive(fd))
      io.open(dir .. "/go", "w"):close()
      hears "WATCHDOG=1"
    end)

    it("gives an end the time that it needs", function()
      start(script, "WATCHDOG_USEC=100000")
      hears "READY=1"
      send_signal "TERM"
      assert.matches("\nWATCHDOG_USEC=10000000", hears "STOPPING=1")
    end)

    it("hears nothing of this from other processes", function()
      start([[
        local loop = require("eddy").loop.instance()
        loop:call_later(100, os.exit)]], "WATCHDOG_USEC=1000 WATCHDOG_PID=1")
      hears "STOPPING=1"
      assert.not_matches("WATCHDOG", table.concat(heard, "\n"))
    end)
  end)

  it("hears nothing of the process's children", function()
    local code, out = process.shell(([[NOTIFY_SOCKET=%s/notify WATCHDOG_USEC=9 LISTEN_FDS=0 %s -e '
      print(os.getenv "NOTIFY_SOCKET", os.getenv "WATCHDOG_USEC")
      os.execute "env"']]):format(dir, process.quote(EDDY_HOST)))
    assert.equal(0, code)
    assert.matches("^nil\tnil\n", out)
    for _, name in ipairs { "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS" } do
      assert.is_nil(out:find(name, 1, true))
    end
  end)

  it("may have an abstract name", function()
    sockets.close(fd)
    fd = sockets.datagrams("\0" .. dir)
    host = process.start("require('eddy').loop.instance():call_later(60000, print)",
      "env NOTIFY_SOCKET=@" .. dir)
    hears "READY=1"
  end)

  it("that is gone is in the log, once, and costs nothing else", function()
    local code, _, err = process.shell(([[NOTIFY_SOCKET=%s/none %s -e '
      require("eddy").loop.instance():call_later(10, print)']]):format(dir,
      process.quote(EDDY_HOST)))
    assert.equal(0, code)
    assert.equal(("eddy: the service manager cannot be told of the state ($NOTIFY_SOCKET): " ..
      "No such file or directory\n"), err)
  end)

  it("hears of a main program that runs no loop when that says so, and its words", function()
    start([[
      local eddy = require "eddy"
      eddy.sleep(1)
      eddy.service.status "warming\nup"
      eddy.service.ready()
      eddy.sleep(60000)]], "WATCHDOG_USEC=20000")
    hears "STATUS=warming up: 0 streams, 0 messages/s"
    assert.not_matches("READY", table.concat(heard, "\n"))
    hears "READY=1"
    hears "WATCHDOG=1"
  end)

  it("hears of a reload, with its time", function()
    start [[
      local systemd = require "eddy.host.systemd"
      local loop = require("eddy").loop.instance()
      loop:on_signal("HUP", function() systemd.reloading() systemd.ready() end)
      loop:call_later(60000, print)]]
    hears "READY=1"
    send_signal "HUP"
    local us = tonumber(hears("RELOADING=1"):match "\nMONOTONIC_USEC=(%d+)")
    assert.is_true(math.abs(us / 1000 - C.eddy_time()) < WITHIN_MS)
    hears "READY=1"
  end)
end)

describe("the unit files", function()
  it("are what systemd takes", function()
    if process.shell "command -v systemd-analyze" ~= 0 then
      return pending "systemd-analyze is not installed"
    end
    process.check(0, process.shell(([[
      dir=$(mktemp -d)
      sed "s|/usr/local/bin/eddy|$(realpath %s)|" %s/eddy@.service >$dir/eddy@.service
      cp %s/eddy@.socket $dir
      said=$(systemd-analyze verify $dir/eddy@a.service $dir/eddy@a.socket 2>&1); code=$?
      rm -r $dir
      echo "$said" >&2
      test $code = 0 && test -z "$said"]]):format(EDDY_HOST, EDDY_ROOT .. "/examples/services",
        EDDY_ROOT .. "/examples/services")))
  end)
end)
