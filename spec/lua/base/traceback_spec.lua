local support = require "spec.lua.support"
local traceback = require "eddy.base.traceback"

describe("a traceback", function()
  -- The lines of what a script writes to its outputs that are in a traceback.
  local function frames_of(code, command)
    local text = support.script(code, command)
    local list = {}
    for line in text:gmatch("\n\t([^\n]+)") do list[#list + 1] = line end
    return list, text
  end

  local here = "(-e):%d: in function <(-e):%d>"

  -- A script's error in each place where tracebacks are made, and the frames that are told.
  local places = {
    ["the script"] = { "\nlocal function f() error 'x' end\nf()",
      { "[C]: in function 'error'", "(-e):2: in function 'f'", "(-e):3: in main chunk" } },
    ["a call of eddy's in the script"] = { "require 'eddy.zmq'.instance():socket(1):bind 'x'",
      { "(-e):1: in main chunk" } },
    ["a timer"] = { "eddy.loop.instance():call_later(0, function() local x = nil + 1 end)",
      { here:format(1, 1) } },
    ["a task, through an await"] = {
      "local t = eddy.spawn(function() local _ = nil .. 'x' end)\n" ..
        "eddy.spawn(function() t:await() end)",
      { here:format(1, 1), here:format(2, 2) } },
    ["a stream's handler"] = {
      "local zmq = require 'eddy.zmq'\n" ..
        "local a = zmq.instance():socket(zmq.PAIR, { bind = 'inproc://a' })\n" ..
        "local b = zmq.instance():socket(zmq.PAIR, { connect = 'inproc://a' }) b:send 'x'\n" ..
        "local s = eddy.stream(a) s:on_recv(function() s:close() s:send 'x' end)",
      { here:format(4, 4) } },
    ["a handler behind pcall and string.gsub"] = {
      "eddy.loop.instance():add_callback(function()\n" ..
        "  assert(pcall(string.gsub, 'x', 'x', function() require 'eddy'.sleep 'y' end)) end)",
      { "[C]: in function 'assert'", here:format(2, 1) } },
    ["a deadlock"] = { "\neddy.spawn(function() eddy.future():await() end)",
      { here:format(2, 2) } },
    ["a finalizer"] = {
      "local p = newproxy(true) getmetatable(p).__gc = function() eddy.sleep 'y' end\n" ..
        "p = nil collectgarbage()",
      { here:format(1, 1), "[C]: in function 'collectgarbage'", "(-e):2: in main chunk" } },
    ["the watchdog"] = {
      "eddy.loop.set_watchdog { report = 10 }\n" ..
        "eddy.loop.instance():add_callback(function() local till = os.clock() + 0.1\n" ..
        "  while os.clock() < till do end end)",
      { here:format(3, 2) } },
  }

  for name, each in pairs(places) do
    it("has the script's lines alone: " .. name, function()
      local list, text = frames_of("local eddy = require 'eddy' " .. each[1])
      if name == "the watchdog" and list[1]:match "^%[C%]" then table.remove(list, 1) end
      assert.message(text).same(each[2], list)
    end)
  end

  it("has all lines with EDDY_TRACEBACK=full", function()
    local code = "require 'eddy'.loop.instance():call_later(0, function() error 'x' end)"
    local list = frames_of(code, "env EDDY_TRACEBACK=full '" .. EDDY_HOST .. "'")
    assert.is_true(#list > 4)
    assert.matches("dispatch.lua", table.concat(list, "\n"))
  end)

  it("of a runaway recursion has its beginning and its end", function()
    local list, text = frames_of("local function f(n) if n > 0 then return 1 + f(n - 1) end " ..
      "error 'x' end\n f(5000)")
    assert.message(text).is_true(#list > 15 and #list < 30)
    assert.equal("[C]: in function 'error'", list[1])
    assert.equal("...", list[13])
    assert.equal("(-e):2: in main chunk", list[#list])
    text = support.script("local eddy = require 'eddy' local function f() return 1 + f() end\n" ..
      "eddy.loop.instance():add_callback(f)")
    assert.matches("stack overflow", text)
    assert.is_true(#text < 4000)
  end)

  it("of a coroutine begins where it waits", function()
    local thread = coroutine.create(function() coroutine.yield() end)
    coroutine.resume(thread)
    assert.matches("^a text\nstack traceback:\n\t%[C%]: in function 'yield'\n\t[^\n]*" ..
      "traceback_spec[^\n]*$", traceback.of(thread, "a text"))
    assert.equal("another", traceback.of(coroutine.create(print), "another"))
  end)
end)
