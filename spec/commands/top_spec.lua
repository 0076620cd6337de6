local folders = require "spec.support.folders"
local process = require "spec.support.process"

local PATIENCE_S = 20

-- `eddy top` on a terminal: in tmux, if there is one.
describe("eddy top", function()
  local runtime, started, server
  after_each(function()
    if server then process.shell(server .. "kill-server") end
    if started then started:kill() end
    started, server = nil, nil
  end)
  folders.each(function(dir)
    runtime = dir
    server = process.shell "command -v tmux" == 0 and "tmux -f /dev/null -S " .. dir .. "/tmux "
  end)

  -- Waits until the screen has that; returns it.
  local function wait(pattern)
    local latest, screen = os.time() + PATIENCE_S
    repeat
      screen = select(2, process.shell(server .. "capture-pane -p -t top"))
      if screen:find(pattern) then return screen end
    until os.time() > latest
    error("the screen has no " .. pattern .. ":\n" .. screen, 2)
  end

  local function press(...)
    process.check(0, process.shell(server .. "send-keys -t top " .. table.concat({ ... }, " ")))
  end

  -- Starts a script, and a shell of 80 columns and 24 rows that runs `eddy top`.
  local function open(code)
    started = process.start(code, "env XDG_RUNTIME_DIR=" .. runtime)
    process.check(0, process.shell(server .. "new-session -d -s top -x 80 -y 24 " ..
      process.quote "env PS1='ready> ' sh"))
    press(process.quote(("XDG_RUNTIME_DIR=%s LC_ALL=C.UTF-8 %s top %d --interval 0.1"):format(
      runtime, EDDY_HOST, started.pid)), "Enter")
  end

  local BUSY = [[
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
  ]]

  -- What needs tmux.
  local function test(name, fn)
    it(name, function()
      if not server then return pending "needs tmux; on Debian: apt-get install tmux" end
      fn()
    end)
  end

  test("fills the screen, and leaves it as it was", function()
    open(BUSY)
    local screen = wait "jobs +PULL +%d+ +0 "
    assert.matches("^pid " .. started.pid, screen)
    local _, rows = screen:gsub("\n", "")
    assert.equal(24, rows)
    for line in screen:gmatch "[^\n]+" do
      assert.is_true(require "eddy.terminal.text".width(line) <= 80)
    end
    press "Down"
    wait "in/s +▁?▁?[▁▂▃▄▅▆▇█]+ +now"
    press "Space"
    wait "paused"
    process.check(0, process.shell(server .. "resize-window -t top -x 120 -y 30"))
    wait "ENDPOINT +IN/S"
    press "q"
    wait "ready> *\n"
    press("'echo code $?; stty -a'", "Enter")
    screen = wait "code 0\n"
    assert.matches(" icanon", screen)
    assert.matches(" echo ", screen)
    assert.is_nil(screen:find "STREAM +TYPE")
  end)

  test("shows what hangs, is stopped, and has died", function()
    open(BUSY)
    wait "jobs +PULL +%d+ +0 "
    os.execute("kill -USR1 " .. started.pid)
    wait "\nhangs for %d[%d.]* s in jobs %(busy%)"
    started:stop()
    wait "\nstopped by a signal"
    os.execute("kill -KILL " .. started.pid)
    wait "\ndied, last seen"
    press "C-c"
    wait "ready> *\n"
    press("'echo code $?'", "Enter")
    wait "code 0\n"
  end)
end)
