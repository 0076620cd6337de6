-- The end in order as the host has it: at SIGTERM and SIGINT, and by stop_gracefully.
local process = require "spec.support.process"

local check, eddy, signalled, timed = process.check, process.eddy, process.signalled, process.timed

local TERM = "kill -TERM $pid"
local SCRIPT = process.READY .. [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local green = require("eddy.green").instance()
]]

describe("the host's end in order", function()
  it("calls on_stop's functions, with the signal's name, and waits for them", function()
    for _, name in ipairs { "TERM", "INT" } do
      local out, err = check(0, signalled(SCRIPT .. [[
        loop:on_stop(function(reason)
          eddy.sleep(5)
          print(reason, loop:stopping())
        end)
        loop:call_later(1, ready)
        loop:call_every(60000, print)]], ("kill -%s $pid"):format(name)))
      assert.same({ ("SIG%s\ttrue\n"):format(name), "" }, { out, err })
    end
  end)

  it("does not call them when the loop ends by itself, or by stop", function()
    local out = check(0, eddy("-e", [[
      local loop = require("eddy").loop.instance()
      loop:on_stop(print)
      loop:call_later(1, loop.stop, loop)
      loop:start()
      loop:call_later(1, function() end)]]))
    assert.equal("", out)
  end)

  it("lets handlers and tasks end, whose start then returns", function()
    local out, err = check(0, signalled(SCRIPT .. [[
      loop:call_later(1, function()
        eddy.sleep(20)
        print("handler")
      end)
      loop:spawn(function()
        ready()
        while not loop:stopping() do eddy.sleep(1) end
        eddy.sleep(30)
        print("task")
      end)
      print(loop:start())]], TERM))
    assert.same({ "handler\ntask\nSIGTERM\n", "" }, { out, err })
  end)

  it("takes the drain time together with what is sent, and says what did not end", function()
    local took, code, _, err = timed(signalled, SCRIPT .. [[
      local push = eddy.stream(zmq.instance():socket(zmq.PUSH, { bind = "inproc://nobody" }))
      push.name = "orders"
      push:send("x")
      loop:spawn(function() ready() eddy.sleep(60000) end)]], TERM, "--drain 300")
    assert.equal(75, code)
    assert.matches("^eddy: task %(.-:%d+%): 1 did not end %(waiting for sleep at .-:%d+%)\n" ..
      "eddy: orders: 0 of 1 messages that waited were sent, 1 were not\n", err)
    assert.message(took).is_true(took < 5000)
  end)

  it("says once what it waits for, and what a second signal does, which does it", function()
    local SECOND = "kill -INT $pid; until read line <$dir/said; do :; done; kill -INT $pid"
    local code, _, err = signalled(SCRIPT .. [[
      os.execute("mkfifo " .. path:gsub("ready$", "said"))
      loop:spawn(function() ready() eddy.sleep(600000) end).name = "report"
      loop:call_every(10, function()
        if not loop:stopping() then began = nil return end
        began = began or loop:time()
        if loop:time() - began < 700 then return end
        local pipe = io.open((path:gsub("ready$", "said")), "w") pipe:write("x\n") pipe:close()
      end)]], SECOND, "--drain 600000")
    assert.equal(130, code)
    assert.matches('^eddy: up to %d+%.%d s more for task "report" %(.-:%d+%): 1 not ended yet ' ..
      "%(waiting for sleep at .-:%d+%); a second SIGINT or SIGTERM ends at once\n$", err)
  end)

  it("says so of messages that wait, and of what libzmq has", function()
    for _, setting in ipairs { "sndhwm = 1, immediate = 1, ", "" } do
      local _, _, err = signalled(SCRIPT .. [[
        local push = eddy.stream(zmq.instance():socket(zmq.PUSH, { ]] .. setting .. [[
          connect = "tcp://127.0.0.1:1" }))
        for i = 1, 3 do push:send("x") end
        loop:call_later(60000, print)
        loop:call_later(1, ready)]], TERM, "--drain 800")
      local what = setting ~= "" and "3 messages that wait" or "what libzmq has to send"
      assert.matches("up to 0%.%d s more for " .. what .. "; a second SIGINT or SIGTERM ends at " ..
        "once\n", err)
      assert.equal(1, select(2, err:gsub("a second", "")))
    end
  end)

  it("is ended by one signal, and says that, where no signal had asked for it", function()
    local name = process.script [[
      local eddy = require "eddy"
      local push = eddy.stream(eddy.zmq.instance():socket(eddy.zmq.PUSH, {
        connect = "tcp://127.0.0.1:1" }))
      push:send("x")
      eddy.loop.instance():call_later(1, function() eddy.loop.instance():stop() end)]]
    local said = name .. ".said"
    local code, out = process.shell(([[
      %s --drain 600000 %s 2>%s & pid=$!
      until grep -q "ends at once" %s; do sleep 0.01; done
      kill -TERM $pid; wait $pid; code=$?
      cat %s; exit $code]]):format(process.quote(EDDY_HOST), name, said, said, said))
    os.remove(said)
    os.remove(name)
    assert.equal(143, code)
    assert.matches("^eddy: up to %d+%.%d s more for what libzmq has to send; SIGINT or SIGTERM " ..
      "ends at once\n$", out)
  end)

  it("is the script's to ask for, and tells what was left with 75", function()
    local out, err = check(75, eddy("-e", [[
      local eddy = require "eddy"
      local loop = eddy.loop.instance()
      loop:spawn(eddy.sleep, 60000)
      loop:call_later(1, function()
        print(#loop:stop_gracefully(10):await())
      end)]]))
    assert.equal("1\n", out)
    assert.matches("^eddy: task .-: 1 did not end", err)
    out, err = check(0, eddy("-e", [[
      local eddy = require "eddy"
      local loop = eddy.loop.instance()
      loop:call_every(1, function() loop:stop_gracefully() end)
      print(loop:start())]]))
    assert.same({ "nil\n", "" }, { out, err })
  end)

  it("forgets what was left when the loop has run on to its end", function()
    check(0, eddy("-e", [[
      local eddy = require "eddy"
      local loop = eddy.loop.instance()
      loop:spawn(eddy.sleep, 50)
      loop:stop_gracefully(1)
      loop:start()
      loop:call_later(100, loop.stop, loop)
      loop:start()]]))
  end)

  it("lets the main program end what it has in hand, and no more", function()
    local code = [[
      local pull = green:socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
      local push = zmq.instance():socket(zmq.PUSH, { linger = 0, connect = pull.last_endpoint })
      push:send("one")
      while true do
        local msg = pull:recv()
        ready()
        %s
        print(msg .. " done")
      end]]
    for _, work in ipairs { "eddy.sleep(50)", "while not stop do stop = io.open(path .. 2) end" } do
      local out, err = check(0, signalled(SCRIPT .. code:format(work),
        TERM .. "; touch ${dir}/ready2"))
      assert.same({ "one done\n", "" }, { out, err })
    end
    local _, err = check(75, signalled(SCRIPT .. code:format("eddy.sleep(60000)"), TERM,
      "--drain 20"))
    assert.equal("eddy: the main program: 1 did not end (waiting for sleep)\n", err)
  end)

  it("does not wait for a main program that sleeps with nothing in hand", function()
    check(0, signalled(SCRIPT .. "loop:call_later(1, ready) while true do eddy.sleep(60000) end",
      TERM))
  end)

  it("takes an error of on_stop's function for one", function()
    local _, err = check(1, signalled(SCRIPT .. [[
      loop:on_stop(function() error("on purpose") end)
      loop:call_later(1, ready)
      loop:call_every(60000, print)]], TERM))
    assert.matches('task "on_stop" .-on purpose', err)
  end)
end)
