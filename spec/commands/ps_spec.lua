local json = require "eddy.zmq.json"
local folders = require "spec.support.folders"
local process = require "spec.support.process"

-- `eddy ps` and `eddy top` where the output is no terminal: of processes of this test alone.
describe("eddy ps", function()
  local runtime, eddy, started
  after_each(function()
    if started then started:kill() end
    started = nil
  end)
  folders.each_runtime(function(...) runtime, eddy = ... end)

  local function start(code)
    started = process.start(code, "env XDG_RUNTIME_DIR=" .. runtime)
    return started.pid
  end

  local BUSY = [[
    local eddy, zmq = require "eddy", require "eddy.zmq"
    local loop, context = eddy.loop.instance(), zmq.instance()
    local pull = context:socket(zmq.PULL, { linger = 0, bind = "inproc://jobs" })
    local jobs = eddy.stream(pull, loop)
    jobs.name = "jobs"
    jobs:on_recv(function() end)
    local push = eddy.stream(context:socket(zmq.PUSH, { linger = 0, connect = "inproc://jobs" }))
    loop:call_every(1, function() push:send "x" end)
  ]]

  -- What `command` prints once it has this in it.
  local function wait(command, pattern)
    local latest = os.time() + 20
    local code, out, err
    repeat
      code, out, err = eddy(command)
      if out:find(pattern) then return out, err, code end
    until os.time() > latest
    error(command .. " has no " .. pattern .. ": " .. tostring(out) .. tostring(err), 2)
  end

  it("shows a process a line", function()
    local pid = start(BUSY)
    local out, err = wait("ps", "\n *" .. pid .. " running +%d")
    assert.equal("", err)
    assert.matches("^ +PID STATE +UP CPU%% STREAMS +IN/S +OUT/S +MEMORY COMMAND\n", out)
    assert.matches(started.name, out, 1, true)
    started:stop()
    wait("ps", "\n *" .. pid .. " stopped by a signal")
    started:kill()
    wait("ps --all", "\n *" .. pid .. " died, last seen %d") -- root sees others, that died later
  end)

  it("shows the beginning of code that a process runs", function()
    local code = 'require("eddy").loop.instance():call_later(60000, print) -- ' .. ("x"):rep(99)
    local _, out = process.shell(([[export XDG_RUNTIME_DIR=%s host=%s
      $host -e '%s' & echo $!
      until $host ps | grep -q "$! .*require"; do sleep 0.01; done
      $host ps --json; kill $!]]):format(runtime, process.quote(EDDY_HOST), code))
    local pid, list = out:match "^(%d+)\n(.*)"
    local command
    for _, each in ipairs(json.decode(list)) do
      if each.pid == tonumber(pid) then command = each.command end
    end
    assert.equal("-e " .. code:sub(1, 40) .. "...", command)
  end)

  it("prints JSON", function()
    local pid = start(BUSY)
    wait("ps", pid .. " running")
    local list = json.decode((process.check(0, eddy "ps --json --interval 0.3")))
    local one -- root sees others', too
    for _, each in ipairs(list) do one = each.pid == pid and each or one end
    assert.equal("running", one.status.word)
    local by_name = {}
    for _, stream in ipairs(one.streams) do by_name[stream.name] = stream end
    assert.is_true(by_name.jobs.rates.messages_in > 0 and by_name.jobs.handling.count > 0)
    assert.is_true(one.loop.turns_per_s > 0 and one.memory > 1e6)
  end)

  it("says when there is none, in its folder or at all", function()
    if tonumber(select(2, process.shell "id -u"):match "%d+") == 0 then
      return pending "root sees everybody's processes"
    end
    local out, err = process.check(1, eddy "ps")
    assert.same({ "", "eddy: ps: no process of eddy's has counters that you can read\n" },
      { out, err })
  end)

  it("shows the last three that have ended, unless it is to show all", function()
    for code = 11, 15 do process.check(code, eddy(("-e 'os.exit(%d)'"):format(code))) end
    local out = process.check(0, eddy "ps")
    local _, ended = out:gsub("\n *%d+ ended %d", "")
    local _, died = out:gsub("\n *%d+ died, ", "")
    assert.equal(3, ended + died)
    assert.matches("%d+ more have ended: eddy ps %-%-all\n$", out)
    out = process.check(0, eddy "ps --all")
    for code = 11, 15 do assert.matches("code " .. code, out) end
  end)

  it("has a top that prints once where it has no terminal", function()
    local pid = start(BUSY)
    local out = wait(("top %d --interval 0.3"):format(pid), "\njobs +PULL")
    assert.matches("^pid " .. pid .. "   ", out)
    assert.matches("\nrunning\n", out)
    assert.matches("\nSTREAM +TYPE +ENDPOINT +IN/S", out)
    out = process.check(0, eddy "top --once --interval 0.1")
    assert.matches("\n *" .. pid .. " running", out)
    local list = json.decode((process.check(0, eddy(("top %d --json"):format(pid)))))
    assert.equal(pid, list[1].pid)
  end)

  it("says what is wrong with an argument", function()
    for arguments, text in pairs {
      ["ps x"] = "too many arguments", ["ps --interval x"] = "malformed argument 'x'",
      ["top x"] = "malformed argument 'x'", ["top --interval 0"] = "--interval needs from 0.05",
      ["top --once --interval 0.1 2147483646"] = "no process 2147483646 of eddy's has counters",
    } do
      local code, out, err = eddy(arguments)
      assert.message(arguments).is_true(code == 2 or code == 1)
      assert.equal("", out)
      assert.matches(text, err, 1, true)
    end
  end)

  it("is in the host's help, and has its own", function()
    local out = process.check(0, process.eddy "--help")
    assert.matches("\n  ps +show", out)
    assert.matches("\n  top %[PID%] +watch", out)
    assert.matches("^Usage: eddy ps ", (process.check(0, process.eddy("ps", "--help"))))
    assert.matches("^Usage: eddy top ", (process.check(0, process.eddy("top", "-h"))))
  end)
end)
