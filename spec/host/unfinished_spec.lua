-- What a signal finds in the middle: it is told by name, and leads to 75.
local unfinished = require "eddy.loop.unfinished"
local loops = require "eddy.loop"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"

local check, signalled = process.check, process.signalled

local SCRIPT = process.READY .. [[
  local eddy, zmq, green = require "eddy", require "eddy.zmq", require "eddy.green"
  local context = zmq.instance()
  local function pair(name, from, to)
    local a = context:socket(zmq[from], { linger = 0, bind = "inproc://" .. name })
    local b = context:socket(zmq[to], { linger = 0, connect = "inproc://" .. name })
    return a, b
  end
]]

-- Runs a script until it is ready, and SIGTERM; its exit code and what it said.
local function run(text)
  local code, out, err = signalled(SCRIPT .. text, "kill -TERM $pid", "--drain 20")
  assert.equal("", out)
  return code, err
end

describe("SIGTERM in the middle of", function()
  local cases = {
    ["handlers that wait, and messages that wait for them"] = { [[
      local a, b = pair("jobs", "PULL", "PUSH")
      local stream, count = eddy.stream(a), 0
      stream.name = "orders"
      stream:set_concurrency(3)
      stream:on_recv(function()
        count = count + 1
        if count == 3 then ready() end
        eddy.sleep(60000)
      end)
      for i = 1, 10 do b:send("x") end]],
      "^eddy: orders: 3 handlers did not end %(waiting for sleep at [^ ]-:%d+%); 7 messages " ..
      "were received and not handled\n$" },
    ["one handler"] = { [[
      local a, b = pair("jobs", "REP", "REQ")
      local stream = eddy.stream(a)
      stream:on_recv(function(msg) ready() eddy.sleep(60000) stream:send_multipart(msg) end)
      b:send("x")]],
      "^eddy: REP socket at inproc://jobs: 1 handler did not end %(waiting for sleep at " ..
      "[^ ]-:%d+%)\n$" },
    ["messages of a stream that was paused"] = { [[
      local a, b = pair("jobs", "PULL", "PUSH")
      local stream = eddy.stream(a)
      stream:on_recv(function() stream:stop_on_recv() ready() end)
      loop:call_later(60000, print)
      for i = 1, 3 do b:send_multipart { "x", "y", "z" } end]],
      "eddy: PULL socket at inproc://jobs: 2 messages were received and not handled\n" },
    ["a timer's function"] = { "loop:call_later(1, function() ready() eddy.sleep(60000) end)",
      "^eddy: a callback: 1 handler did not end %(waiting for sleep at [^ ]-:%d+%)\n$" },
    ["tasks that wait for time, or for room to send"] = { [[
      local push = green.instance():socket(zmq.PUSH, { linger = 0, bind = "inproc://nobody" })
      for i = 1, 3 do loop:spawn(function() eddy.sleep(60000) end) end
      loop:spawn(function() ready() push:send("x") end)]],
      "^eddy: task %(.-:%d+%): 3 did not end %(waiting for sleep at [^ ]-:%d+%)\n" ..
      "eddy: task %(.-:%d+%): 1 did not end %(waiting for send on PUSH socket at " ..
      "inproc://nobody at [^ ]-:%d+%)\n$" },
    ["a task that waits for the answer to its request"] = { [[
      local rep = green.instance():socket(zmq.REP, { linger = 0, bind = "inproc://server" })
      local req = green.instance():socket(zmq.REQ, { linger = 0, connect = "inproc://server" })
      loop:spawn(function() req:send("x") ready() req:recv() end)]],
      "^eddy: task %(.-:%d+%): 1 did not end %(waiting for recv on REQ socket at " ..
      "inproc://server at [^ ]-:%d+%)\n$" },
  }
  for name, case in pairs(cases) do
    it(name .. " is told, with 75", function()
      local code, err = run(case[1])
      local matches = case[2]:sub(1, 1) == "^" and assert.matches or assert.equal
      matches(case[2], err)
      assert.equal(75, code)
    end)
  end

  local nothing = {
    ["a task that waits for messages"] = [[
      local pull = green.instance():socket(zmq.PULL, { bind = "inproc://x" })
      loop:spawn(function() ready() pull:recv_multipart() end)]],
    ["a task that waits for messages with a limit, or of several sockets"] = [[
      local async = require("eddy.async").instance()
      local pull = async:socket(zmq.PULL, { bind = "inproc://x" })
      local sub = async:socket(zmq.SUB, { subscribe = "", bind = "inproc://y" })
      local poller = require("eddy.async").poller()
      local third = async:socket(zmq.PULL, { bind = "inproc://z" })
      poller:register(third, zmq.POLLIN)
      loop:spawn(function() eddy.with_timeout(60000, pull:recv()):await() end)
      loop:spawn(function() poller:poll():await() end)
      loop:spawn(function()
        local poller = green.poller()
        poller:register(third, zmq.POLLIN)
        poller:poll()
      end)
      loop:spawn(function() eddy.gather(pull:recv(), sub:recv()):await() end)
      local function in_turns(count)
        if count == 0 then return ready() end
        loop:call_later(1, in_turns, count - 1)
      end
      in_turns(3) -- all of them wait then]],
    ["the main program's wait"] = [[
      local pull = green.instance():socket(zmq.PULL, { bind = "inproc://x" })
      loop:call_later(1, ready)
      pull:recv()]],
    ["nothing"] = "loop:call_later(1, ready) loop:call_later(60000, print)",
    ["a handler that ended meanwhile"] = [[
      local a, b = pair("jobs", "PULL", "PUSH")
      eddy.stream(a):on_recv(function() eddy.sleep(1) ready() end)
      b:send("x")]],
  }
  for name, text in pairs(nothing) do
    it(name .. " leaves nothing to tell", function()
      local code, err = run(text)
      assert.same({ 0, "" }, { code, err })
    end)
  end

  it("work leads to 75 also by os.exit, and to the script's own code when it failed", function()
    local work = "loop:call_later(1, function() ready() eddy.sleep(60000) end) loop:start() "
    assert.equal(75, (run(work .. "os.exit(0)")))
    assert.equal(3, (run(work .. "os.exit(3)")))
    local code, err = run(work .. "error('boom', 0)")
    assert.equal(1, code)
    assert.matches("a callback: 1 handler did not end", err)
  end)

  it("a task that has not begun, or whose result has come, is work", function()
    local loop = loops.new()
    local async, name = require("eddy.async").context(), nil
    local pull = async:socket(zmq.PULL, { linger = 0, bind = "inproc://x" })
    local function left()
      local tasks = 0
      for _, each in ipairs(unfinished.list(loop)) do
        assert.same({ 0, 0 }, { each.handlers, each.messages })
        name, tasks = each.name, tasks + each.tasks
      end
      return tasks
    end
    assert.equal(0, left())
    local future
    loop:spawn(function() future = pull:recv() future:await() end)
    assert.equal(1, left())
    assert.matches("^task %(", name)
    loop:add_callback(function() loop:add_callback(loop.stop, loop) end)
    loop:start()
    assert.equal(0, left())
    loop:add_callback(function() future:set_result("x") loop:stop() end)
    loop:start()
    assert.equal(1, left())
    loop:close()
    async:destroy(0)
  end)

  it("a coroutine of cqueues' that waits for eddy is work", function()
    if not pcall(require, "cqueues") then return pending("needs lua-cqueues") end
    local code, err = run [[
      local cqueues = require "cqueues"
      eddy.cqueues():wrap(function()
        cqueues.sleep(0)
        ready()
        eddy.sleep(60000)
      end)
      eddy.cqueues():wrap(function() cqueues.sleep(60) end)]]
    assert.equal("eddy: coroutine of cqueues: 1 did not end (waiting for sleep)\n", err)
    assert.equal(75, code)
  end)

  it("does not count what loop:stop leaves", function()
    local _, err = check(0, process.eddy("-e", [[
      local eddy = require "eddy"
      local loop = eddy.loop.instance()
      loop:call_later(1, function() loop:call_later(1, loop.stop, loop) eddy.sleep(60000) end)]]))
    assert.equal("", err)
  end)
end)
