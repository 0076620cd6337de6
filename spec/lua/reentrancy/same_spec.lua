-- Code that runs in the middle of eddy's own, and calls it for the same stream, frame or loop.
local hostile = require "spec.lua.reentrancy.hostile"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local MESSAGES = 200

describe("what runs in the middle", function()
  local loop
  support.each(function(...) loop = ... end)

  -- Runs the loop until something is so.
  local function run_until(is_so)
    local ticks = 0
    local timer = loop:call_every(1, function()
      ticks = ticks + 1
      if is_so() or ticks > 5000 then loop:stop() end
    end)
    loop:start()
    timer:stop()
  end

  local function expected(count)
    local list = {}
    for i = 1, count do list[i] = ("message %d %s"):format(i, ("x"):rep(i % 70)) end
    return list
  end

  local function sorted(list)
    table.sort(list, function(a, b) return tonumber(a:match "%d+") < tonumber(b:match "%d+") end)
    return list
  end

  for _, how in ipairs { "hook", "finalize" } do
    for _, copy in ipairs { true, false } do
      local what = copy and "strings" or "frames"

      it("receives from the stream that receives: " .. how .. ", " .. what, function()
        local a, b = support.streams(zmq.PAIR, zmq.PAIR)
        local got, inside = {}, false
        b:on_recv(function(msg)
          local parts = {}
          for i, part in ipairs(msg) do parts[i] = copy and part or part.bytes end
          table.insert(got, table.concat(parts, " "))
        end, copy)
        local function act()
          if inside or b:closed() then return end
          inside = true
          b:flush(zmq.POLLIN, 3)
          inside = false
        end
        for i, text in ipairs(expected(MESSAGES)) do
          local word, rest = text:match "^(%a+) (.*)$"
          a:send_multipart(i % 2 == 0 and { text } or { word, rest })
        end
        assert.is_true((hostile[how](act, function()
          run_until(function() return #got >= MESSAGES end)
        end)))
        assert.same(expected(MESSAGES), sorted(got))
      end)

      it("pauses and resumes it: " .. how .. ", " .. what, function()
        local a, b = support.streams(zmq.PAIR, zmq.PAIR)
        local got, is_paused = {}, false
        local function take(msg) table.insert(got, copy and msg[1] or msg[1].bytes) end
        b:on_recv(take, copy)
        local function act()
          if math.random(how == "hook" and 100 or 3) > 1 then return end
          is_paused = not is_paused
          if is_paused then b:on_recv(nil) else b:on_recv(take, copy) end
        end
        for _, text in ipairs(expected(MESSAGES)) do a:send(text) end
        loop:call_every(1, function() b:on_recv(take, copy) end)
        assert.is_true((hostile[how](act, function()
          run_until(function() return #got >= MESSAGES end)
        end)))
        b:on_recv(take, copy)
        run_until(function() return #got >= MESSAGES end)
        assert.same(expected(MESSAGES), sorted(got))
      end)
    end

    it("sends on the stream that sends; callbacks hear of their own message: " .. how, function()
      local a, b = support.streams(zmq.PAIR, zmq.PAIR)
      local wrong, heard, received, sent, inside = {}, 0, 0, 0, false
      b:on_recv(function() received = received + 1 end)
      local function send(text)
        sent = sent + 1
        a:send_multipart({ text, "rest" }, { callback = function(msg, err)
          heard = heard + 1
          if msg[1] ~= text or err then wrong[#wrong + 1] = text .. " heard of " .. msg[1] end
        end })
      end
      local function act()
        if inside or sent > 2000 then return end
        inside = true
        send("inner " .. sent)
        a:flush(zmq.POLLOUT)
        inside = false
      end
      assert.is_true((hostile[how](act, function()
        for i = 1, 100 do send("outer " .. i) end
      end)))
      local stats = a:stats()
      local all = stats.messages_out + stats.queued
      run_until(function() return heard == all and received == all end)
      assert.same({}, wrong)
      assert.same({ all, all }, { heard, received })
    end)

    it("closes the frame that is read: " .. how, function()
      local text = ("bytes"):rep(20)
      local frame
      local function act() if frame then frame:close() end end
      for _ = 1, 50 do
        local results
        assert.is_true((hostile[how](act, function()
          for _ = 1, 20 do
            local own = zmq.frame(text)
            frame = own
            local ok, got = pcall(function() return own.bytes end)
            results = results or ok and got ~= text and got
            pcall(tostring, own)
            pcall(own.get, own, "Nothing")
            frame = nil
          end
        end)))
        assert.is_falsy(results)
      end
    end)

    it("cannot run or close the loop whose message a flush is receiving: " .. how, function()
      local a, b = support.streams(zmq.PAIR, zmq.PAIR)
      local got, inside = {}, false
      b:on_recv(function(msg) table.insert(got, msg[1]) end)
      local function act()
        if inside then return end
        inside = true
        pcall(loop._run_within, loop, function() return loop._turns % 2 end)
        inside = false
      end
      for _, text in ipairs(expected(MESSAGES)) do a:send(text) end
      assert.is_true((hostile[how](act, function()
        for _ = 1, MESSAGES do b:flush(zmq.POLLIN, 2) end
      end)))
      b:flush()
      assert.same(expected(MESSAGES), sorted(got))
    end)
  end

  it("changes the list that is sent", function()
    local a, b = support.pair(zmq.PAIR, zmq.PAIR)
    local list
    local function act()
      if list then list[#list], list[1] = nil, nil end
      collectgarbage "step"
    end
    for i = 1, 20 do
      hostile.hook(act, function()
        list = { "one" .. i, "two" .. i, "three" .. i, "four" .. i, "five" .. i }
        pcall(a.send_multipart, a, list)
        list = nil
      end)
      local got = b:recv_multipart(zmq.DONTWAIT)
      for _, part in ipairs(got or {}) do assert.matches("^%a+" .. i .. "$", part) end
    end
  end)
end)
