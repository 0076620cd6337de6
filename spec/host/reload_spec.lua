-- Scripts that are reloaded by a signal, or as their files change.
local folders = require "spec.support.folders"
local full = require "spec.support.full"
local process = require "spec.support.process"

local check, shell = process.check, process.shell
local host = process.quote(EDDY_HOST)

describe("reloading", function()
  local dir
  folders.each(function(path) dir = path end)
  local function write(files) folders.write(dir, files) end

  -- Runs commands in the folder. `wait TEXT` waits until the host has printed that.
  local function run(commands)
    return shell("cd " .. dir .. "; " .. [[
      eddy() { : >out; ]] .. host .. [[ "$@" >out 2>&1 & pid=$!; }
      await() { until grep -q "$1" out; do sleep 0.01; done; }
      end() { wait $pid; code=$?; cat out; exit $code; }
    ]] .. commands)
  end

  local KEEPS = [[
    local eddy = require "eddy"
    local state = eddy.keep("state", function() return { count = 0 } end)
    state.count = state.count + 1
    print("load", eddy.generation, state.count)
    eddy.loop.instance():call_later(60000, print)
    if state.count == 3 then eddy.loop.instance():call_later(1, os.exit, 3) end
  ]]

  it("comes by SIGHUP where the script keeps anything", function()
    write { ["a.lua"] = KEEPS }
    local out = check(3, run [[
      eddy a.lua
      await 'load.1'; kill -HUP $pid; await 'load.2'; kill -HUP $pid; end
    ]])
    local lines = {}
    for line in out:gmatch "[^\n]+" do
      lines[#lines + 1] = line:gsub("%(%d+ ms%)", "(N ms)"):gsub("\t", " ")
    end
    table.sort(lines) -- two outputs
    assert.same({ "eddy: reload: generation 2 of a.lua runs (N ms)",
      "eddy: reload: generation 3 of a.lua runs (N ms)",
      "load 1 1", "load 2 2", "load 3 3" }, lines)
  end)

  it("does not where it does not, or has a handler of its own", function()
    write { ["a.lua"] = [[
      print "up"
      require("eddy").loop.instance():call_later(60000, print)
    ]] }
    check(129, run "eddy a.lua; await up; kill -HUP $pid; end")
    write { ["a.lua"] = [[
      local eddy = require "eddy"
      eddy.keep("state", function() return {} end)
      eddy.loop.instance():on_signal("HUP", function() print "own" os.exit(4) end)
      print "up"
    ]] }
    assert.equal("up\nown\n", (check(4, run "eddy a.lua; await up; kill -HUP $pid; end")))
  end)

  it("does not keep a program running", function()
    write { ["a.lua"] = "require('eddy').keep('a', function() return {} end)" }
    check(0, run "eddy a.lua; end")
  end)

  it("goes on when the next generation fails, and says why", function()
    write { ["a.lua"] = KEEPS }
    local out = check(0, run [[
      eddy a.lua
      await 'load.1'; echo 'x = = 1' >a.lua; kill -HUP $pid; await 'goes on'; kill $pid; end
    ]])
    assert.matches("reload: generation 1 goes on: a.lua:1: unexpected symbol", out, 1, true)
  end)

  it("goes on when the next generation runs for ever, and a watchdog interrupts it", function()
    write { ["a.lua"] = KEEPS }
    local out = check(0, run [[
      eddy --watchdog interrupt=300 a.lua
      await 'load.1'; echo 'while true do end' >a.lua; kill -HUP $pid
      await 'goes on'; kill $pid; end
    ]])
    assert.matches("generation 1 goes on: .*interrupted: the handler of ", out)
  end)

  -- What follows a loop's start is the last generation's.
  local STARTS = [[
    local eddy = require "eddy"
    local loop = eddy.loop.instance()
    local count = eddy.keep("count", function() return { 0 } end)
    count[1] = count[1] + 1
    local own = count[1]
    if own == 3 then loop:call_later(1, function() loop:stop() end) end
    loop:call_later(60000, print)
    print("load " .. own)
    loop:start()
    print("after " .. own)
    eddy.sleep(1)
    print("slept " .. own)
    loop:call_later(1, function() loop:stop() end)
    loop:start()
    print("end " .. own)
  ]]

  it("lets the last generation go on after its loop's start", function()
    write { ["a.lua"] = STARTS }
    local out = check(0, run [[
      eddy a.lua
      await 'load 1'; kill -HUP $pid; await 'load 2'; kill -HUP $pid; end
    ]])
    out = out:gsub("eddy: reload: [^\n]*runs[^\n]*\n", "")
    assert.equal("load 1\nload 2\nload 3\nafter 3\nslept 3\nend 3\n", out)
  end)

  it("takes over from one that starts its loop, and to one that does", function()
    local idle = "require 'eddy'.keep('a', function() return 1 end)\n" ..
      "require 'eddy'.loop.instance():call_later(%s) print '%s'"
    write { ["a.lua"] = STARTS, ["b.lua"] = idle:format("60000, print", "idle"),
      ["c.lua"] = idle:format("1, print, 'over'", "last") }
    local out = check(0, run [[
      eddy a.lua
      await 'load 1'; mv b.lua a.lua; kill -HUP $pid
      await 'idle'; mv c.lua a.lua; kill -HUP $pid; end
    ]])
    assert.equal("load 1\nidle\nlast\nover\n", (out:gsub("eddy: reload: [^\n]*runs[^\n]*\n", "")))
  end)

  it("loses nothing of what comes as fast as it can, and takes no memory", function()
    local out = check(0, process.eddy(EDDY_ROOT .. "/spec/bench/peers/reloaded.lua",
      full.size(30, 1000), 2))
    assert.matches(" 0 wrong;", out, 1, true)
    local first, last = out:match "RSS ([%d.]+) MiB after a tenth, ([%d.]+) at the end"
    -- ASan keeps what was freed for a while.
    if not os.getenv "ASAN_OPTIONS" then assert.is_true(last - first < full.size(30, 8), out) end
  end)

  it("comes with --watch whenever a file changes", function()
    write { ["a.lua"] = "require 'part'\n" .. KEEPS .. [[
      eddy.loop.instance():call_later(1, print, "runs " .. state.count)
    ]], ["part.lua"] = "print 'part 1'" }
    local out = check(3, run [[
      eddy --watch a.lua
      await 'runs 1'; echo "print 'part 2'" >part.lua
      await 'runs 2'; echo "print = = 1" >part.lua
      await 'goes on'; echo "print 'part 3'" >part.lua
      end
    ]])
    assert.matches("part 1\nload\t1\t1\nruns 1\npart 2\nload\t2\t2\n", out, 1, true)
    assert.matches("eddy: reload: generation 2 of a.lua runs (", out, 1, true)
    assert.matches("generation 2 goes on: [^\n]*/part.lua:1: ", out)
    assert.matches("part 3\nload\t3\t3\n", out, 1, true)
  end)

  it("ends a script that keeps nothing before it runs again, with --watch", function()
    local text = [[
      local eddy = require "eddy"
      local zmq = eddy.zmq
      local file = io.open "port"
      local port = file and file:read "*a" or "*"
      local stream = eddy.stream(zmq.instance():socket(zmq.PULL))
      local at = stream:bind("tcp://127.0.0.1:" .. port)
      file = io.open("port", "w")
      file:write((at:match ":(%d+)$"))
      file:close()
      print "up N"
      CODE
    ]]
    local function version(number, code)
      return (text:gsub("N", number):gsub("CODE", code))
    end
    write { ["a.lua"] = version("1", ""), ["b.lua"] = version("2", "error 'broken'"),
      ["c.lua"] = version("3", "eddy.loop.current():call_later(1, os.exit, 5)") }
    local out = check(5, run [[
      eddy --watch a.lua
      await 'up 1'; cp b.lua a.lua
      await 'broken'; cp c.lua a.lua
      await 'up 3'; end
    ]])
    assert.matches("up 1\nup 2\n.*nothing runs until a file changes: a.lua:11: .*up 3\n", out)
  end)

  it("waits with --watch for a script that can be loaded, and runs", function()
    write { ["a.lua"] = "x = = 1" }
    check(6, run [[
      eddy --watch a.lua; await 'unexpected symbol'
      echo "error 'at first'" >a.lua; await 'at first'
      echo "require('eddy').loop.current():call_later(1, os.exit, 6)" >a.lua; end
    ]])
    check(2, run "eddy --watch -e 'print()'; end")
    check(2, run "eddy --watch nowhere.lua; end")
  end)
end)
