local folders = require "spec.support.folders"
local process = require "spec.support.process"

local PATIENCE_S = 20

-- `eddy console`, on a terminal in tmux, if there is one, and in a pipe.
describe("eddy console", function()
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

  local SERVICE = [[
    local eddy = require "eddy"
    eddy.loop.instance():call_every(1e6, print)
    eddy.spawn(function()
      local answer = 42
      eddy.sleep(1e7)
      return answer
    end)
  ]]

  local function start()
    started = process.start(SERVICE, ("env XDG_RUNTIME_DIR=%s EDDY_CONTROL=eval"):format(runtime))
    local path = ("%s/eddy/%d.sock"):format(runtime, started.pid)
    repeat until process.shell("test -S " .. path) == 0
  end

  it("reads a pipe, and prints what comes out", function()
    start()
    local code, out, err = process.shell(([[
      printf '%%s\n' '1 + 1' 'for i = 1, 2 do' 'print(i)' end 'error "on purpose"' 'x = { 1 }' x |
      XDG_RUNTIME_DIR=%s %s console %d]]):format(runtime,
      EDDY_HOST, started.pid))
    assert.same({ 0, "" }, { code, err })
    assert.equal("2\n1\n2\nconsole:1: on purpose\nstack traceback:\n\t[C]: in function 'error'\n" ..
      "\tconsole:1: in main chunk\n{ 1 }\n", out)
  end)

  -- Waits until the screen has that; returns it.
  local function wait(pattern)
    local latest, screen = os.time() + PATIENCE_S
    repeat
      screen = select(2, process.shell(server .. "capture-pane -p -t console"))
      if screen:find(pattern) then return screen end
    until os.time() > latest
    error("the screen has no " .. pattern .. ":\n" .. screen, 2)
  end

  local function press(key)
    process.check(0, process.shell(server .. "send-keys -t console " .. key))
  end

  -- Presses ^C until the screen has that: one may come before the line is asked for.
  local function insist(pattern)
    local latest = os.time() + PATIENCE_S
    local screen
    repeat
      press "C-c"
      process.shell "sleep 0.5"
      screen = select(2, process.shell(server .. "capture-pane -p -t console"))
    until screen:find(pattern) or os.time() > latest
    assert.matches(pattern, screen)
  end

  local function type_line(text)
    press("-l " .. process.quote(text))
    press "Enter"
  end

  -- What needs tmux.
  local function test(name, fn, needs_readline)
    it(name, function()
      if not server then return pending "needs tmux; on Debian: apt-get install tmux" end
      if needs_readline and not package.searchpath("readline", package.path) then
        return pending "needs lua-readline; on Debian: apt-get install lua-readline"
      end
      start()
      process.check(0, process.shell(server .. "new-session -d -s console -x 100 -y 40 " ..
        process.quote("env PS1='ready> ' sh")))
      wait "ready>"
      type_line(("XDG_RUNTIME_DIR=%s HOME=%s %s console %d"):format(runtime, runtime, EDDY_HOST,
        started.pid))
      wait("Lua code runs in process " .. started.pid .. ".-\n>")
      fn()
    end)
  end

  test("runs lines, also of several, and ends with ^D", function()
    type_line "1 + 1"
    wait "\n2\n>"
    type_line "for i = 10, 11 do"
    wait "\n>>"
    type_line "print(i) end"
    wait "\n10\n11\n>"
    type_line "tasks()"
    wait "\n1  task %(.- waits for sleep"
    type_line "locals(1)"
    wait "\n     answer = 42"
    type_line "task(1)"
    wait "\ntask %([^\n]* %(pending%) {\n" -- it is shown, not awaited
    press "C-d"
    wait "\nready>\n*$"
  end)

  test("gives up with ^C what waits, and what computes", function()
    type_line "require('eddy').sleep(1e7)"
    insist "console:1: interrupted\n"
    type_line "while true do end"
    wait "does not answer: the handler of .-; ^C interrupts it"
    insist "console:1: interrupted by eddy ctl"
    type_line "5 + 5"
    wait "\n10\n>"
  end)

  test("completes names, and has a history", function()
    press "-l string.form"
    press "Tab"
    wait "> string%.format"
    type_line "('%d', 7)"
    wait '\n"7"\n>'
    press "Up"
    press "Enter"
    wait '\n"7"\n.-\n"7"\n>'
    press "C-d"
    wait "\nready>\n*$"
    assert.matches("string.format", select(2, process.shell("cat " .. runtime ..
      "/.eddy_history")), 1, true)
  end, true)
end)
