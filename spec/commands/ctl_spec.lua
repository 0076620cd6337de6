local json = require "eddy.zmq.json"
local folders = require "spec.support.folders"
local process = require "spec.support.process"
local zmq = require "eddy.zmq"

local PATIENCE_S = 20

-- The control socket, and `eddy ctl` that asks by it: of processes of this test alone.
describe("eddy ctl", function()
  local runtime, eddy, started
  after_each(function()
    if started then started:kill() end
    started = nil
  end)
  folders.each_runtime(function(...) runtime, eddy = ... end)

  -- What `eddy ctl` prints of the process that was started.
  local function ctl(arguments, code)
    local out, err = process.check(code or 0, eddy(("ctl %d %s"):format(started.pid, arguments)))
    return out, err
  end

  local function ask(arguments) return json.decode((ctl("--json " .. arguments))) end

  -- Waits until fn() is true.
  local function wait(fn)
    local latest = os.time() + PATIENCE_S
    local result
    repeat
      result = fn()
      if result then return result end
    until os.time() > latest
    error("it never came", 2)
  end

  local function wait_for_answer()
    wait(function() return eddy(("ctl %d info"):format(started.pid)) == 0 end)
  end

  -- What it logs is of no interest.
  local function launch(code, mode)
    started = process.start(code, ([[sh -c 'exec "$@" 2>/dev/null' sh env XDG_RUNTIME_DIR=%s %s]]):
      format(runtime, mode and "EDDY_CONTROL=" .. mode or ""))
  end

  local function start(code, mode)
    launch(code, mode or "on")
    wait_for_answer()
  end

  local SERVICE = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop, context = eddy.loop.instance(), zmq.instance()
    local pull = context:socket(zmq.PULL, { linger = 0, bind = "inproc://jobs" })
    local jobs = eddy.stream(pull, loop)
    jobs.name = "jobs"
    jobs:on_recv(function(msg) while msg[1] == "hang" do end end)
    local push = eddy.stream(context:socket(zmq.PUSH, { linger = 0, connect = "inproc://jobs" }))
    push.name = "source"
    loop:call_every(1, function() push:send "x" end)
    loop:on_signal("USR1", function() push:send "hang" end)
    logger = require("eddy.log").logger "main"
    eddy.spawn(function()
      local answer = 42
      eddy.sleep(1e7)
      return answer
    end).name = "sleeper"
    loop:add_callback(function() error "on purpose" end)
  ]]

  it("tells what the process is, and what it has", function()
    start(SERVICE)
    local info = ask "info"
    assert.equal(started.pid, info.pid)
    assert.same({ started.name, "on" }, { info.command, info.control })
    assert.is_true(info.loops[1].turns > 0 and info.lua_bytes > 1e5)
    assert.matches("\nloop +the default loop, running: %d+ turns", (ctl "info"))

    local by_name = {}
    for _, stream in ipairs(ask("streams").streams) do by_name[stream.name] = stream end
    assert.same({ "PULL", "inproc://jobs", true, false }, { by_name.jobs.type,
      by_name.jobs.endpoint, by_name.jobs.receiving, by_name.jobs.paused })
    assert.is_true(by_name.jobs.messages_in > 0 and by_name.source.messages_out > 0)
    assert.matches("^NO  STREAM +TYPE +ENDPOINT .*\n +%d+  jobs +PULL  inproc://jobs  receives",
      (ctl "streams"))

    assert.matches("\n *%d+ +1  timer every 1 ms at " .. started.name, (ctl "timers"))
    assert.matches('%d+  task "sleeper" .- waits for sleep\n     ' .. started.name .. ":%d+:",
      (ctl "tasks"))
    assert.matches(": on purpose\n", (ctl "errors"))
  end)

  it("pauses a stream, which does not end the program, and has it go on", function()
    start(SERVICE)
    local function count()
      for _, stream in ipairs(ask("streams").streams) do
        if stream.name == "jobs" then return stream.messages_in, stream.paused end
      end
    end
    assert.matches("paused: jobs", (ctl "pause jobs"))
    local before, is_paused = count()
    assert.is_true(is_paused)
    local turns = ask("info").loops[1].turns
    wait(function() return ask("info").loops[1].turns > turns + 100 end)
    assert.equal(before, (count()))
    ctl "pause jobs"
    assert.matches("resumed: jobs", (ctl "resume jobs"))
    wait(function() return count() > before end)
    assert.matches("ctl: jobs is not paused\n", select(2, ctl("resume jobs", 1)))
    assert.matches("no stream nobody: eddy ctl streams", select(2, ctl("pause nobody", 1)))
  end)

  it("shows a stream's messages as they pass, so many of them", function()
    start(SERVICE)
    local lines = {}
    for line in ctl("trace jobs -n 5"):gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(5, #lines)
    for _, line in ipairs(lines) do
      assert.matches('^%d%d:%d%d:%d%d%.%d+ in  jobs: 1 part, 1 byte: "x"$', line)
    end
    assert.matches("no stream nobody", select(2, ctl("trace nobody", 1)))
    assert.matches("count: expected", select(2, ctl("trace jobs -n 0", 1)))
  end)

  it("says where the time goes, by stream", function()
    start [[
      local loop = require("eddy").loop.instance()
      local function busy() for _ = 1, 1e6 do os.time() end end
      loop:call_every(1, busy).name = "worker"
    ]]
    assert.matches('timer "worker" every 1 ms [^\n]*;xpcall;[^\n]* %d+\n',
      (ctl "profile 0.5 --interval 1"))
    assert.matches("interval: expected", select(2, ctl("profile 1 --interval 0", 1)))
    assert.matches("a number of seconds", select(2, ctl("profile 0", 1)))
    assert.is_true(ask("profile 0.2 --interval 1").samples > 0)
  end)

  it("keeps a program alive whose only stream is paused", function()
    start [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local pull = zmq.instance():socket(zmq.PULL, { linger = 0, bind = "inproc://jobs" })
      eddy.stream(pull):on_recv(print)
    ]]
    ctl "pause 1"
    assert.equal(1, ask("info").streams)
    assert.is_true(ask("streams").streams[1].paused)
    ctl "resume 1"
    ctl "info"
  end)

  it("sets budgets and log levels, and collects garbage", function()
    start(SERVICE)
    assert.equal("jobs receives up to 3 messages a turn\n", (ctl "set-budget jobs 3"))
    assert.matches("expected a whole number of at least 1", select(2, ctl("set-budget jobs 0", 1)))
    assert.equal("DEBUG      main\n", (ctl "log"))
    assert.equal("WARN       main\n", (ctl "log WARN"))
    assert.matches("no such level: 'LOUD'", select(2, ctl("log LOUD", 1)))
    assert.equal("0 log files opened anew\n", (ctl "log reopen"))
    assert.is_true(ask("gc").after > 0)
  end)

  it("names the handler that keeps the loop from answering, and interrupts it", function()
    start(SERVICE)
    os.execute("kill -USR1 " .. started.pid)
    local _, err
    wait(function()
      _, _, err = eddy(("ctl %d --timeout 1 info"):format(started.pid))
      return err:find "does not answer"
    end)
    assert.matches("its loop does not answer: the handler of jobs has run for [%d.]+ m?s " ..
      "%(busy%)\neddy: ctl: no answer within 1 s\n$", err)
    assert.equal("interrupted: jobs\n", (ctl "interrupt"))
    wait_for_answer()
    assert.matches("interrupted by eddy ctl: the handler of jobs", (ctl "errors"))
    assert.equal("no handler runs: nothing to interrupt\n", (ctl "interrupt"))
  end)

  it("interrupts a task", function()
    start(SERVICE)
    local number = ask("tasks").tasks[1].number
    assert.matches('^interrupted: task "sleeper"', (ctl("interrupt " .. number)))
    assert.matches(started.name .. ":%d+: interrupted by eddy ctl", (ctl "errors"))
    assert.matches("no task 99999", select(2, ctl("interrupt 99999", 1)))
  end)

  it("tells of a process that is stopped, or has died", function()
    start(SERVICE)
    started:stop()
    assert.matches("process " .. started.pid .. " is stopped by a signal: kill %-CONT",
      select(2, ctl("info", 1)))
    started:kill()
    assert.matches("process " .. started.pid .. " died, last seen", select(2, ctl("info", 1)))
    assert.matches("no process 2147483646 of eddy's", select(3, eddy "ctl 2147483646 info"), 1,
      true)
  end)

  it("reloads the script, which leaves the control socket alone", function()
    start [[
      collectgarbage "stop" -- what nobody holds is there all the same
      local eddy, zmq = require "eddy", require "eddy.zmq"
      eddy.keep("jobs", function()
        return eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "inproc://jobs" }))
      end):on_recv(print)
    ]]
    assert.matches("^generation 2 runs %(%d+ ms%)\nkept    jobs\n$", (ctl "reload"))
    assert.equal(3, ask("reload").generation)
    local file = assert(io.open(started.name, "w"))
    file:write "error 'on purpose'"
    file:close()
    assert.matches("ctl: [^\n]*: on purpose", select(2, ctl("reload", 1)))
    assert.equal(3, ask("info").generation)
  end)

  it("runs code with --control=eval: values, prints, futures and errors", function()
    start(SERVICE, "eval")
    assert.equal('3\n"x\\n"\n', (ctl [[eval '1 + 2, "x\n"']]))
    assert.equal("a\tnil\n", (ctl [[eval 'print("a", nil)']]))
    assert.equal("42\n", (ctl [[eval 'later = require("eddy").spawn(function()
      require("eddy").sleep(10) return 42 end) return later']]))
    assert.equal("done\n", (ctl [[eval 'print(later:done() and "done")']]))
    local _, err = ctl([[eval 'error "on purpose"']], 1)
    assert.equal("eddy: ctl: console:1: on purpose\nstack traceback:\n\t[C]: in function " ..
      "'error'\n\tconsole:1: in main chunk\n", err)
    assert.matches("unexpected symbol", select(2, ctl("eval '+'", 1)))
    assert.matches("console:1: .*'nothing'", select(2, ctl("eval 'nothing.at_all'", 1)))
    assert.equal("1\n", (ctl "eval '1 -- a comment'"))
    assert.equal("{ 1, 2, a = \"b\" }\n", (ctl [[eval '{ 1, 2, a = "b" }']]))
    assert.matches('^%d+  task "sleeper" ', (ctl "eval 'tasks()'"))
    local number = ask("tasks").tasks[1].number
    assert.matches("^" .. started.name .. ":%d+\n     answer = 42\n", (ctl(
      ("eval 'locals(%d)'"):format(number))))
    assert.equal("43\n", (ctl(("eval 'locals(%d, \"answer\") + 1'"):format(number))))
  end)

  it("runs no code without it", function()
    start(SERVICE)
    assert.matches("not started with %-%-control=eval", select(2, ctl("eval 1", 1)))
    assert.matches("not started with %-%-control=eval", select(3,
      eddy(("console %d </dev/null"):format(started.pid))))
  end)

  it("finds the only process that has a control socket", function()
    start(SERVICE)
    local code, out, err = eddy "ctl --json info"
    if code == 0 then return assert.equal(started.pid, json.decode(out).pid) end
    assert.matches("%d+ processes have control sockets: which one%?.*" .. started.pid, err)
  end)

  it("asks nobody where nobody listens: only who is told to has a control socket", function()
    launch "require('eddy.loop').instance():call_every(10, print)"
    wait(function()
      return select(2, eddy "ps"):find("\n *" .. started.pid .. " running")
    end)
    assert.matches("process " .. started.pid .. " has no control socket: start it with eddy " ..
      "--control SCRIPT, or name the one that it has elsewhere by --socket PATH",
      select(2, ctl("info", 1)), 1, true)
    assert.equal("", select(2, process.shell(("find %s -name '*.sock'"):format(runtime))))
  end)

  it("keeps no program alive, and leaves nothing behind", function()
    local out, err = process.check(0, eddy [[--control=eval -e 'print "x"']])
    assert.same({ "x\n", "" }, { out, err })
    process.check(0, eddy [[--control -e 'require("eddy").sleep(1):await()']])
    assert.equal("", select(2, process.shell(("find %s -name '*.sock'"):format(runtime))))
  end)

  it("is on whatever loop runs", function()
    start([[
      local eddy = require "eddy"
      for _ = 1, 3 do
        local loop = eddy.loop.new()
        loop:call_later(10, loop.stop, loop)
        loop:start()
        loop:close(true)
      end
      local last = eddy.loop.new()
      last:call_every(1e6, print)
      last:start()
    ]])
    assert.is_true(#ask("timers").timers == 1)
  end)

  it("has a path of its own where it is given one", function()
    local path = runtime .. "/own"
    local code, out, err = eddy(("--control=%s -e 'os.exit(0)'"):format(path))
    assert.same({ 0, "", "" }, { code, out, err })
    launch(SERVICE, "eval:" .. path)
    wait(function() return eddy("ctl --socket " .. path .. " info") == 0 end)
    assert.equal("2\n", select(2, eddy("ctl --socket " .. path .. " eval 1+1")))
    assert.matches("srw%-%-%-%-%-%-%-", select(2, process.shell("ls -l " .. path)))
  end)

  it("says what is wrong with a mode or a path", function()
    for mode, text in pairs {
      evil = '--control expected "on", "eval", a path with a "/" in it, or eval:PATH',
      [runtime .. "/none/x"] = "--control: ",
    } do
      local code, _, err = eddy(("--control=%s -e ''"):format(mode))
      assert.equal(2, code)
      assert.matches(text, err, 1, true)
    end
    local code, _, err = process.shell(("EDDY_CONTROL=evil %s -e ''"):format(EDDY_HOST))
    assert.equal(2, code)
    assert.matches("EDDY_CONTROL: expected", err)
    assert.equal(2, (eddy "ctl nonsense"))
    assert.equal(2, (eddy "ctl pause"))
    assert.matches("^Usage: eddy ctl ", (process.check(0, eddy "ctl --help")))
  end)

  it("lets nobody else in, even where the socket's mode would", function()
    local is_root = select(2, process.shell "id -u"):match "^0"
    if not is_root or process.shell "/usr/bin/python3 -c 'import zmq'" ~= 0 then
      return pending "needs root, and Debian's python3-zmq"
    end
    local path = runtime .. "/own"
    process.check(0, process.shell("chmod 755 " .. runtime))
    launch(SERVICE, path)
    wait(function() return eddy("ctl --socket " .. path .. " info") == 0 end)
    local script = ([[import zmq
s = zmq.Context().socket(zmq.DEALER)
s.linger = 0
s.connect("ipc://%s")
s.send(b'{"id": 1, "verb": "info"}')
print(s.poll(700))]]):format(path)
    local function poll(user)
      return select(2, process.shell(("setpriv --reuid %d --clear-groups /usr/bin/python3 -c %s"):
        format(user, process.quote(script))))
    end
    assert.equal("0\n", poll(65534))
    process.check(0, process.shell("chmod 777 " .. path))
    assert.equal("0\n", poll(65534))
    assert.equal("1\n", poll(0))
  end)

  describe("asked by somebody hostile", function()
    local context, socket
    before_each(function()
      start(SERVICE)
      context = zmq.context { io_threads = 1 }
      socket = context:socket(zmq.DEALER, { linger = 0, rcvtimeo = PATIENCE_S * 1000,
        connect = ("ipc://%s/eddy/%d.sock"):format(runtime, started.pid) })
    end)
    after_each(function() context:destroy(0) end)

    it("says what is wrong with a request", function()
      for _, text in ipairs { "", "x", "[]", "{}", "1", "null", '{"verb":1}', '{"verb":"info",',
        '{"verb":"info","args":1}', '{"verb":"info","id":{}}', '{"verb":"info","id":1e999}',
        '{"verb":"info","args":{"x":1e999}}', '{"verb":"info","args":{"x":[-1e999]}}',
        '{"verb":"info","ms":"x"}', ("["):rep(5000), "\0\1\255" } do
        socket:send(text)
        assert.message(text).matches("^bad request: ", json.decode(socket:recv()).error)
      end
      socket:send_multipart { "{}", "{}" }
      assert.equal("bad request: expected one frame", json.decode(socket:recv()).error)
      for _, verb in ipairs { "no", "list", "../agent", "verbs.info", "" } do
        socket:send(json.encode { id = 7, verb = verb })
        assert.same({ id = 7, error = "no such verb: " .. verb }, json.decode(socket:recv()))
      end
      socket:send '{"id":"x","verb":"streams","args":{"stream":{}},"ms":-5}'
      json.decode(socket:recv())
      wait_for_answer()
    end)

    it("takes no more than a megabyte, and many requests without keeping their answers", function()
      socket:send(("x"):rep(2 ^ 20 + 1))
      for _ = 1, 5000 do
        if not socket:send('{"verb":"streams"}', zmq.DONTWAIT) then break end
      end
      wait_for_answer()
      local before = tonumber(started:status "VmRSS")
      assert.is_true(before < 200000)
    end)

    it("is not held up by requests that are never done", function()
      socket:close()
      started:kill()
      start(SERVICE, "eval")
      local other = context:socket(zmq.DEALER, { linger = 0, rcvtimeo = PATIENCE_S * 1000,
        connect = ("ipc://%s/eddy/%d.sock"):format(runtime, started.pid) })
      for i = 1, 150 do
        other:send(json.encode { id = i, verb = "eval", ms = 2000,
          args = { code = "require('eddy').sleep(1e6)" } })
      end
      local refused, late = 0, 0
      for _ = 1, 150 do
        local message = json.decode(other:recv())
        if message.error == "too many requests wait" then refused = refused + 1 end
        if message.error == "no answer within 2 s" then late = late + 1 end
      end
      assert.same({ 50, 100 }, { refused, late })
      wait_for_answer()
      wait(function() return #ask("tasks").tasks == 1 end)
    end)
  end)
end)
