-- `eddy --debug`: what a debugger needs.
local process = require "spec.support.process"

local check, eddy, shell = process.check, process.eddy, process.shell

-- Each part runs often enough to be compiled; a line hook counts what it sees of it.
local script = [[
local eddy, zmq = require "eddy", require "eddy.zmq"
local loop = eddy.loop.instance()
local seen = {}
debug.sethook(function(_, line)
  if debug.getinfo(2, "S").short_src == arg[0] then seen[line] = (seen[line] or 0) + 1 end
end, "l")
local a = zmq.instance():socket(zmq.PAIR, { bind = "inproc://a" })
local b = zmq.instance():socket(zmq.PAIR, { connect = "inproc://a" })
local stream, left = eddy.stream(a), 600
local function one()
  left = left - 1
  if left == 0 then loop:stop() end
end
stream:on_recv(function(msg)
  one(msg) -- line 15
end)
loop:spawn(function()
  for _ = 1, 200 do
    one() -- line 19
    if left % 50 == 0 then eddy.sleep(0) end
  end
end)
local timer
local ticks = 0
timer = loop:call_every(0.01, function()
  one() -- line 26
  ticks = ticks + 1
  if ticks == 200 then timer:cancel() end
end)
for i = 1, 200 do b:send(tostring(i)) end
loop:start()
debug.sethook()
print(seen[15], seen[19], seen[26], jit.status())
]]

describe("eddy --debug", function()
  local write, remove = process.scripts()
  after_each(remove)

  it("has a hook see every line in handlers, tasks and timers", function()
    local out = check(0, eddy("--debug", write(script)))
    assert.matches("^200\t200\t200\tfalse", out)
  end)

  it("keeps the compiler off, whatever a module does", function()
    local out = check(0, eddy("--debug", "-e", [[
      jit.on()
      require("jit.opt").start("hotloop=2")
      local util, traces = require "jit.util", 0
      for i = 1, 1000 do traces = traces + i end
      print(jit.status(), util.traceinfo(1) == nil)]]))
    assert.matches("^false.*true\n$", out)
  end)

  it("begins the debugger that has started it, before anything else", function()
    local folder = os.tmpname()
    os.remove(folder)
    check(0, shell("mkdir " .. folder))
    local file = assert(io.open(folder .. "/lldebugger.lua", "w"))
    file:write "return { start = function() print 'the debugger begins' end }"
    file:close()
    local command = ("LOCAL_LUA_DEBUGGER_VSCODE=1 LUA_PATH='%s' %s --debug -e 'print(1)'")
    local out = check(0, shell(command:format(folder .. "/?.lua;;", EDDY_HOST)))
    assert.equal("the debugger begins\n1\n", out)
    local _, err = check(0, shell(command:format("?.nowhere", EDDY_HOST)))
    assert.matches("LUA_PATH is to name its folder", err)
    check(0, shell("rm -r " .. folder))
  end)
end)
