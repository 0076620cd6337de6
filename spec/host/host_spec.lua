local process = require "spec.support.process"
local support = require "spec.lua.support"

local eddy, shell = process.eddy, process.shell

describe("the command eddy", function()
  local script, remove_scripts = process.scripts()

  -- An endpoint of a file that is removed like a script.
  local function ipc()
    local path = script ""
    os.remove(path)
    return "ipc://" .. path
  end

  after_each(remove_scripts)

  local function check(expected_code, code, out, err)
    assert.message(out .. err).equal(expected_code, code)
    return out, err
  end

  it("takes what comes after -- as the script, whatever it looks like", function()
    local path = process.script("print(...)")
    local code, out = process.eddy("--", path, "a", "--", "-e")
    os.remove(path)
    assert.equal("a\t--\t-e\n", out)
    assert.equal(0, code)
    assert.equal(2, (process.eddy("--")))
  end)

  it("runs a script with its arguments", function()
    local name = script "print(...) print(arg[0], arg[1], arg[2], #arg)"
    assert.equal("a\tb c\n" .. name .. "\ta\tb c\t2\n", check(0, eddy(name, "a", "b c")))
  end)

  it("exits with 70 when it is broken itself", function()
    local folder = support.temp_dir()
    local code, out, err = shell(([[
      cd %s && cp %s eddy && mkdir -p lua/eddy/host || exit 1
      echo 'error "on purpose"' >lua/eddy/host/main.lua
      ./eddy -e 'print "never"'; code=$?
      rm -r %s; exit $code]]):format(folder, process.quote(EDDY_HOST), folder))
    assert.same({ 70, "" }, { code, out })
    assert.matches("^eddy: internal error: .*on purpose", err)
  end)

  it("does not keep the script's file open", function()
    local name = script [[
      local pipe = io.popen "readlink /proc/$PPID/fd/*"
      print((pipe:read("*a"):find(arg[0], 1, true)))]]
    assert.equal("nil\n", check(0, eddy(name)))
  end)

  it("passes options after the script on to it", function()
    assert.equal("--version\n", check(0, eddy(script "print(...)", "--version")))
  end)

  it("runs code from the command line and from the standard input", function()
    assert.equal("3\n", check(0, eddy("-e", "print(1 + 2)")))
    assert.equal("x\t1\n", check(0, eddy("-e", "print(..., #arg)", "x")))
    local command = "echo 'print(7)' | " .. process.quote(EDDY_HOST) .. " -"
    assert.equal("7\n", check(0, shell(command)))
  end)

  it("runs a script that begins with #!", function()
    local name = script("#!" .. EDDY_HOST .. "\nprint('hashbang', ...)")
    assert(os.execute("chmod +x " .. name) == 0)
    assert.equal("hashbang\ta\n", check(0, shell(name .. " a")))
  end)

  it("prints its versions and its usage", function()
    assert.matches("^eddy %d+%.%d+%.%d+ %(LuaJIT .*, libzmq %d", check(0, eddy("--version")))
    assert.matches("^usage: eddy ", check(0, eddy("--help")))
  end)

  it("takes all descriptors that the hard limit allows, whatever the soft one says", function()
    local name = script [[
      local open = {}
      for i = 1, 100 do open[i] = io.open(arg[0]) end
      local limits = io.popen "ulimit -Sn; ulimit -Hn; ulimit -Sn 64; ulimit -Sn"
      print(#open, limits:read "*n", limits:read "*n", limits:read "*n")]]
    local limited = "ulimit -Sn 64; ulimit -Hn 200; " .. process.quote(EDDY_HOST) .. " " .. name
    assert.equal("100\t200\t200\t64\n", check(0, shell(limited)))
  end)

  local function one_line(expected, code, out, err)
    assert.equal("", out)
    assert.message(err).equal(1, select(2, err:gsub("\n", "\n")))
    assert.matches(expected, err)
    return code
  end

  it("says in one line what is wrong with the command line, and exits with 2", function()
    assert.equal(2, one_line("^eddy: no script", eddy()))
    assert.equal(2, one_line("unknown option %-%-frobnicate", eddy("--frobnicate", "x.lua")))
    assert.equal(2, one_line("%-e needs code", eddy("-e")))
    assert.equal(2, one_line("%-%-drain needs a number", eddy("--drain", "soon", "x.lua")))
    assert.equal(2, one_line("/no/such/script%.lua: No such file", eddy("/no/such/script.lua")))
    assert.equal(2, one_line("/tmp: Is a directory", eddy("/tmp")))
  end)

  it("says in one line where a syntax error is, and exits with 1", function()
    local name = script "print(1)\nx x\n"
    assert.equal(1, one_line(name:gsub("%p", "%%%0") .. ":2: ", eddy(name)))
  end)

  it("refuses bytecode", function()
    assert.equal(1, one_line("", eddy(script(string.dump(function() end)))))
  end)

  it("gives a traceback with file and line for a script that fails, and exits with 1", function()
    local name = script "local function broken()\n  error('boom')\nend\nbroken()"
    local _, err = check(1, eddy(name))
    assert.matches("eddy: " .. name .. ":2: boom\nstack traceback:", err, 1, true)
    assert.matches(name .. ":4: in main chunk", err, 1, true)
  end)

  it("shows error objects and values without text too", function()
    local _, err = check(1, eddy("-e", "require('eddy.zmq').instance():socket(4):connect('x')"))
    assert.matches("eddy: connect x: .*Invalid argument %(EINVAL%)", err)
    _, err = check(1, eddy("-e", "error(setmetatable({}, {__tostring = error}))"))
    assert.matches("eddy: an error object whose __tostring fails", err)
    check(1, eddy("-e", "error()"))
  end)

  local loop = "local loop = require('eddy').loop.instance() "

  it("runs the loop of a script that left something alive, until nothing is", function()
    assert.equal("tick\ntock\n", check(0, eddy("-e", loop .. [[
      loop:call_later(1, function() print("tick") loop:add_callback(print, "tock") end)]])))
  end)

  it("does not run a loop that has nothing, or that ran already", function()
    check(0, eddy("-e", loop))
    assert.equal("once\n", check(0, eddy("-e", loop .. [[
      loop:call_every(1, function() print("once") loop:stop() end) loop:start()]])))
  end)

  it("waits for word of messages that somebody asked for", function()
    assert.equal("sent x\n", check(0, eddy("-e", [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local a = zmq.instance():socket(zmq.PAIR, { bind = "inproc://a" })
      local b = zmq.instance():socket(zmq.PAIR, { connect = "inproc://a" })
      eddy.stream(b):send("x", { callback = function(msg) print("sent " .. msg[1]) end })]])))
  end)

  it("exits with 1 when a callback failed and nobody handled it", function()
    local _, err = check(1, eddy("-e", loop .. "loop:call_later(1, error, 'boom')"))
    assert.matches("timer .-boom", err)
    check(0, eddy("-e", loop .. "loop:on_error(print) loop:call_later(1, error, 'boom')"))
  end)

  it("sends what is queued before it ends, and what lingers in libzmq", function()
    local out = check(0, eddy("-e", [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local pull = zmq.instance():socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
      local push = zmq.instance():socket(zmq.PUSH, { connect = pull.last_endpoint })
      eddy.stream(push):send("late")
      print(pull:recv())]]))
    assert.equal("late\n", out)
  end)

  it("loses nothing when a script calls os.exit, in a handler or not", function()
    for _, exit in ipairs { "os.exit(7)", "loop:add_callback(os.exit, 7) loop:start()" } do
      local endpoint = ipc()
      local receiver = script(([[
        local zmq = require "eddy.zmq"
        print(zmq.instance():socket(zmq.PULL, { bind = %q }):recv())]]):format(endpoint))
      local sender = script(loop .. ([[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        local stream = eddy.stream(zmq.instance():socket(zmq.PUSH, { connect = %q }))
        stream:send("late") ]]):format(endpoint) .. exit)
      local out = check(7, shell(([[%s %s & %s %s; code=$?; wait; exit $code]]):format(
        EDDY_HOST, receiver, EDDY_HOST, sender)))
      assert.equal("late\n", out)
    end
  end)

  it("exits with 75 and their number when messages could not be sent", function()
    local out, err = check(75, eddy("--drain", "20", "-e", [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local stream = eddy.stream(zmq.instance():socket(zmq.PUSH))
      for i = 1, 3 do stream:send("nobody is there") end]]))
    assert.equal("", out)
    assert.matches("eddy: 3 messages were not sent within 20 ms", err)
  end)

  it("exits with 75 also when os.exit says that all is well", function()
    for _, exit in ipairs { "os.exit()", "os.exit(0)", "os.exit(true)" } do
      local _, err = check(75, eddy("--drain", "20", "-e", [[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        eddy.stream(zmq.instance():socket(zmq.PUSH)):send("nobody is there") ]] .. exit))
      assert.matches("1 message was not sent within 20 ms", err)
    end
  end)

  it("exits with 1 also for an error on a private loop that is gone", function()
    local _, err = check(1, eddy("-e", [[
      local loop = require("eddy").loop.new()
      loop:call_later(1, error, "boom")
      loop:call_later(2, loop.stop, loop)
      loop:start()
      loop:close()]]))
    assert.matches("boom", err)
  end)

  it("closes everything before a script's finalizers run", function()
    for _, exit in ipairs { "", "os.exit(0)" } do
      local out = check(0, eddy("-e", [[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        local stream = eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "inproc://x" }))
        local timer, context = eddy.loop.instance():call_every(1000, print), zmq.instance()
        getmetatable(newproxy(true)).__gc = function()
          print(stream:closed(), pcall(stream.send, stream, "x"))
          print(pcall(context.socket, context, zmq.PULL))
          timer:cancel()
          stream:close()
        end
        eddy.loop.instance():stop()
        eddy.loop.instance():start() ]] .. exit))
      assert.matches("^true\tfalse\t", out)
    end
  end)

  it("goes on while on_drain is waited for", function()
    local endpoint = ipc()
    local receiver = script(([[
      local zmq = require "eddy.zmq"
      local socket, count = zmq.instance():socket(zmq.PULL, { bind = %q }), 0
      while count < 100 do assert(socket:recv()) count = count + 1 end
      print(count)]]):format(endpoint))
    local sender = script(([[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local socket = zmq.instance():socket(zmq.PUSH, { sndhwm = 2, connect = %q })
      local stream, sent = eddy.stream(socket), 0
      stream:set_send_limit { messages = 5 }
      local function fill()
        while sent < 100 and stream:send("x") do sent = sent + 1 end
      end
      stream:on_drain(fill)
      fill()]]):format(endpoint))
    local out = check(0, shell(([[timeout 20 %s %s & %s %s; code=$?; wait; exit $code]]):format(
      EDDY_HOST, receiver, EDDY_HOST, sender)))
    assert.equal("100\n", out)
  end)

  it("goes on when os.exit is given what is no code", function()
    local out, err = check(1, eddy("-e", loop .. [[
      loop:add_callback(os.exit, "soon") loop:add_callback(print, "on")]]))
    assert.equal("on\n", out)
    assert.matches("exit: expected a number or a boolean, got string", err)
  end)

  it("ends when nobody reads what it prints", function()
    check(128 + 13, shell("set -o pipefail; " .. process.quote(EDDY_HOST) ..
      " -e 'while true do print(1) end' | head -1 >/dev/null"))
  end)

  it("ends whatever lingers, and says that it was not sent", function()
    local _, err = check(75, eddy("--drain", "20", "-e", [[
      local zmq = require "eddy.zmq"
      for _, context in ipairs { zmq.instance(), zmq.context { io_threads = 1 } } do
        for i = 1, 3 do
          local socket = context:socket(zmq.PUSH, { connect = "tcp://127.0.0.1:1" })
          socket:send("nobody is there")
          if i == 1 then socket:close() end
        end
      end]]))
    assert.equal("eddy: what libzmq had left was not sent within 20 ms\n", err)
  end)

  it("says nothing of what its peers took, however short the time", function()
    local code, out, err
    for _ = 1, 20 do -- a busy machine may have no time for libzmq's thread, but not each time
      code, out, err = eddy("--drain", "0", "-e", [[
        local eddy, zmq = require "eddy", require "eddy.zmq"
        local push = zmq.instance():socket(zmq.PUSH, { bind = "inproc://x" })
        local pull = zmq.instance():socket(zmq.PULL, { connect = "inproc://x" })
        eddy.stream(push):send("x")
        print(pull:recv())]])
      if code == 0 then break end
    end
    assert.same({ 0, "x\n", "" }, { code, out, err })
  end)

  local signalled, ready = process.signalled, process.READY

  for _, signal in ipairs { "INT", "TERM" } do
    it("stops the loop in order at SIG" .. signal, function()
      local out = check(0, signalled(ready .. [[
        loop:call_later(1, ready) loop:call_later(60000, print, "never")
        print(loop:start())]], "kill -" .. signal .. " $pid"))
      assert.equal("SIG" .. signal .. "\n", out)
    end)
  end

  it("ends at once at the second signal, also when a handler hangs", function()
    check(128 + 15, signalled(ready .. [[
      loop:call_later(1, function() ready() while true do end end) loop:start()]],
      "while kill -TERM $pid 2>/dev/null; do :; done"))
  end)

  it("ends at once at the first signal when no loop runs", function()
    check(128 + 15, signalled(ready .. "ready() while true do end", "kill -TERM $pid"))
  end)

  it("leaves a signal to the script that asked for it", function()
    local out = check(0, signalled(ready .. [[
      loop:on_signal("SIGTERM", function(name) print("got " .. name) loop:stop() end)
      loop:call_later(1, ready) loop:start()]], "kill -TERM $pid"))
    assert.equal("got SIGTERM\n", out)
  end)
end)
