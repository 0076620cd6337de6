-- What time does to the host: a wall clock that jumps, a process that is suspended, loops that
-- are stopped and started all the time.
local full = require "spec.support.full"
local process = require "spec.support.process"

local check, eddy, shell, quote = process.check, process.eddy, process.shell, process.quote

local SUSPENDED = full.size(0.8, 60) -- s

describe("time", function()
  it("is not the wall clock's: one that jumps moves no timer and no timeout", function()
    local script = [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local loop, C = eddy.loop.instance(), require("eddy.base.libeddy").C
      local jumps, before = 0, os.time()
      for i = 1, 10 do
        local now = os.time()
        if math.abs(now - before) > 3000 then jumps = jumps + 1 end
        before = now
      end
      assert(jumps > 0, "the clock does not jump")
      local function takes(least, what, fn)
        local began = C.eddy_time()
        fn()
        local took = C.eddy_time() - began
        assert(took >= least and took < least + 3000, what .. " took " .. took)
      end
      local pull = zmq.instance():socket(zmq.PULL, { rcvtimeo = 50, bind = "tcp://127.0.0.1:*" })
      takes(50, "recv", function() assert(not pull:recv()) end)
      takes(50, "poll", function() assert(pull:poll(50) == 0) end)
      takes(50, "a poller", function()
        local poller = zmq.poller()
        poller:register(pull)
        assert(not next(poller:poll(50)))
      end)
      local ticks = 0
      loop:call_every(10, function() ticks = ticks + 1 end)
      loop:call_later(200, loop.stop, loop)
      takes(200, "the loop", function() loop:start() end)
      assert(ticks > 0 and ticks <= 20, ticks .. " ticks")
      takes(50, "run_sync", function() assert(not loop:run_sync(coroutine.yield, 50)) end)
      print "right"]]
    local out = check(0, shell(([[
      dir=$(mktemp -d)
      cc -shared -fPIC -o $dir/wallclock.so %s/spec/scenarios/wallclock.c &&
        ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 LD_PRELOAD=$dir/wallclock.so %s -e %s
      code=$?; rm -r $dir; exit $code]]):format(quote(EDDY_ROOT), quote(EDDY_HOST), quote(script))))
    assert.equal("right\n", out)
  end)

  it("that passes while the process is suspended makes no burst of ticks", function()
    local name = process.script [[
      local loop, C = require("eddy").loop.instance(), require("eddy.base.libeddy").C
      local times = {}
      loop:call_every(10, function()
        times[#times + 1] = C.eddy_time()
        if #times == 1 then
          local pipe = io.open(arg[1], "w")
          pipe:write("ready\n")
          pipe:close()
        end
        if #times == 1 or times[#times] - times[#times - 1] < 500 then return end
        local gap = #times
        loop:call_later(500, function()
          local burst = 0
          for i = gap + 1, #times do
            if times[i] - times[gap] < 9 then burst = burst + 1 end
          end
          print(math.floor(times[gap] - times[gap - 1]), burst)
          loop:stop()
        end)
      end)]]
    local out = check(0, shell(([[
      dir=$(mktemp -d); mkfifo $dir/ready
      %s %s $dir/ready & pid=$!
      read line <$dir/ready
      kill -STOP $pid; sleep %g; kill -CONT $pid
      wait $pid; code=$?; rm -r $dir; exit $code]]):format(quote(EDDY_HOST), name, SUSPENDED)))
    os.remove(name)
    local gap, burst = out:match("^(%d+)\t(%d+)\n$")
    assert.message(out).is_true(tonumber(gap) >= SUSPENDED * 1000 - 50)
    assert.message(out).is_true(tonumber(burst) <= 1)
    full.figure("the process is suspended", "for %.1f s, %d extra ticks of 10 ms after it",
      gap / 1000, burst)
  end)

  it("may be cut in pieces: a loop that is stopped and started loses no message", function()
    local out = check(0, eddy("-e", [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local loop = eddy.loop.instance()
      local pull = zmq.instance():socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
      local push = eddy.stream(zmq.instance():socket(zmq.PUSH, { connect = pull.last_endpoint }))
      local stream, next_one, starts = eddy.stream(pull), 1, 0
      stream:on_recv(function(msg)
        assert(tonumber(msg[1]) == next_one, msg[1])
        next_one = next_one + 1
        if next_one % 3 == 0 then loop:stop() end
      end)
      local sent = 0
      while next_one <= 9000 do
        for _ = 1, 5 do
          if sent < 9000 then
            sent = sent + 1
            push:send(tostring(sent))
          end
        end
        local bound = loop:call_later(5, loop.stop, loop)
        loop:start()
        bound:cancel()
        starts = starts + 1
      end
      print(next_one - 1, starts >= 3000, loop:stats().missed_wakeups)]]))
    assert.equal("9000\ttrue\t0\n", out)
  end)
end)
