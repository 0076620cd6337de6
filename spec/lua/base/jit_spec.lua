local support = require "spec.lua.support"

-- Runs a script in the host and prints why LuaJIT did not compile something of eddy's, where
-- that is for good: loops that it gave up, and bytecodes that it cannot compile.
local WATCHED = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local util, errors = require "jit.util", require("jit.vmdef").traceerr
  local loop, context, done = eddy.loop.instance(), zmq.instance(), 0
  local function watch(what, _, fn, pc, code, detail)
    if what ~= "abort" then return end
    local info, why = util.funcinfo(fn, pc), errors[code]
    if not why:find "bytecode" and not why:find "blacklisted" then return end
    if info.source:find "eddy/" then print(info.loc or info.source, why, detail) end
  end
  jit.attach(watch, "trace")
  local function count_to(limit)
    done = done + 1
    if done >= limit then loop:stop() end
  end
  local function pair()
    local pull = context:socket(zmq.PULL, { bind = "inproc://way", rcvhwm = 0 })
    local push = context:socket(zmq.PUSH, { connect = "inproc://way", sndhwm = 0 })
    return eddy.stream(push), eddy.stream(pull)
  end
  local function flood(send)
    local function some()
      for _ = 1, 100 do send() end
      loop:add_callback(some)
    end
    some()
  end
]]

describe("LuaJIT compiles", function()
  local ways = {
    ["messages of one string"] = [[
      local push, pull = pair()
      pull:on_recv(function() count_to(50000) end)
      flood(function() push:send "message" end)]],
    ["messages of several strings"] = [[
      local push, pull = pair()
      pull:on_recv(function() count_to(50000) end)
      flood(function() push:send_multipart { "a", "b", "c" } end)]],
    ["messages as frames"] = [[
      local push, pull = pair()
      pull:on_recv(function(msg) msg[1]:close() count_to(50000) end, false)
      flood(function() push:send "message" end)]],
    ["word of what was sent"] = [[
      local push, pull = pair()
      pull:on_recv(function() end)
      push:on_send(function() count_to(50000) end)
      flood(function() push:send "message" end)]],
    ["timers"] = [[
      local function again() count_to(50000) loop:call_later(0, again) end
      for _ = 1, 10 do again() end]],
    ["callbacks"] = [[
      local function again(n) count_to(50000) loop:add_callback(again, n) end
      for _ = 1, 10 do again(1) end]],
  }
  for name, code in pairs(ways) do
    it(name, function()
      local text, status = support.script(WATCHED .. code ..
        "\nloop:start() jit.attach(watch) print(done)")
      assert.equal("50000", text:match "^%s*(.-)%s*$")
      assert.equal(0, status)
    end)
  end
end)
