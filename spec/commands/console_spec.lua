local folders = require "spec.support.folders"
local process = require "spec.support.process"
local terminals = require "spec.support.terminal"

-- `eddy console`, on a terminal in tmux, if there is one, and in a pipe.
describe("eddy console", function()
  local runtime, started, terminal
  after_each(function()
    if terminal then terminal:close() end
    if started then started:kill() end
    started, terminal = nil, nil
  end)
  folders.each(function(dir) runtime = dir end)

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

  -- What needs tmux.
  local function test(name, fn, needs_readline)
    it(name, function()
      if not terminals.is_there() then
        return pending "needs tmux; on Debian: apt-get install tmux"
      end
      if needs_readline and not package.searchpath("readline", package.path) then
        return pending "needs lua-readline; on Debian: apt-get install lua-readline"
      end
      start()
      terminal = terminals.open(runtime)
      terminal:enter(("XDG_RUNTIME_DIR=%s HOME=%s %s console %d"):format(runtime, runtime,
        EDDY_HOST, started.pid))
      terminal:wait("Lua code runs in process " .. started.pid .. ".-\n>")
      fn()
    end)
  end

  test("runs lines, also of several, and ends with ^D", function()
    terminal:enter "1 + 1"
    terminal:wait "\n2\n>"
    terminal:enter "for i = 10, 11 do"
    terminal:wait "\n>>"
    terminal:enter "print(i) end"
    terminal:wait "\n10\n11\n>"
    terminal:enter "tasks()"
    terminal:wait "\n1  task %(.- waits for sleep"
    terminal:enter "locals(1)"
    terminal:wait "\n     answer = 42"
    terminal:enter "task(1)"
    terminal:wait "\ntask %([^\n]* %(pending%) {\n" -- it is shown, not awaited
    terminal:press "C-d"
    terminal:wait "\nready>\n*$"
  end)

  test("gives up with ^C what waits, and what computes", function()
    terminal:enter "require('eddy').sleep(1e7)"
    terminal:insist("C-c", "console:1: interrupted\n")
    terminal:enter "while true do end"
    terminal:wait "does not answer: the handler of .-; ^C interrupts it"
    terminal:insist("C-c", "console:1: interrupted by eddy ctl")
    terminal:enter "5 + 5"
    terminal:wait "\n10\n>"
  end)

  test("completes names, and has a history", function()
    terminal:type "string.form"
    terminal:press "Tab"
    terminal:wait "> string%.format"
    terminal:enter "('%d', 7)"
    terminal:wait '\n"7"\n>'
    terminal:press "Up"
    terminal:press "Enter"
    terminal:wait '\n"7"\n.-\n"7"\n>'
    terminal:press "C-d"
    terminal:wait "\nready>\n*$"
    assert.matches("string.format", select(2, process.shell("cat " .. runtime ..
      "/.local/state/eddy/history")), 1, true)
  end, true)
end)
