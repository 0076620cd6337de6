-- Messages that are sent and received part by part by several at once.
local ffi = require "ffi"
local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local support = require "spec.lua.support"
local zmq = require "eddy.zmq"

local MORE, DONTWAIT = zmq.SNDMORE, zmq.DONTWAIT

-- A call of either kind that waits.
local function call(socket, name, ...)
  local result, err = socket[name](socket, ...)
  if eddy.future.is(result) then return result:await() end
  return result, err
end

for kind, module in pairs { green = green, async = async } do
  describe("parts on sockets of eddy." .. kind, function()
    local loop, plain, context
    support.each(function(...) loop, plain, context = ... end, module)

    local function spawn(fn, ...) return loop:spawn(fn, ...) end
    local function run(fn) return support.task(loop, fn) end

    -- Sockets of this kind and of the plain one; the plain one is bound.
    local function join(type_here, type_there, settings)
      local endpoint = support.inproc()
      local there = plain:socket(type_there, { linger = 0, rcvhwm = 1, sndhwm = 1 })
      there:bind(endpoint)
      settings = settings or {}
      settings.linger, settings.connect = 0, endpoint
      return context:socket(type_here, settings), there
    end

    -- All that a plain socket gets until there is nothing more, each as one text.
    local function take(socket, count)
      local list = {}
      while #list < count do
        local msg = socket:recv_multipart(DONTWAIT)
        if msg then list[#list + 1] = table.concat(msg, "|") else eddy.sleep(1) end
      end
      eddy.sleep(2)
      assert.is_nil((socket:recv_multipart(DONTWAIT)))
      return list
    end

    it("that several tasks send at a full queue stay together, in the order of their beginnings",
      function()
        run(function()
          local push, pull = join(zmq.PUSH, zmq.PULL, { sndhwm = 1 })
          local tasks = {}
          for i, name in ipairs { "a", "b", "c" } do
            tasks[i] = spawn(function()
              for n = 1, 10 do
                call(push, "send", name, MORE)
                if n % 3 == 0 then eddy.sleep(0) end
                call(push, "send_multipart", { n .. "", "" }, n % 2 * MORE)
                if n % 2 == 1 then call(push, "send_json", { n }) end
              end
            end)
          end
          tasks[4] = spawn(function()
            for n = 1, 10 do call(push, "send_multipart", { "d", n .. "" }) end
          end)
          local nexts = { a = 1, b = 1, c = 1, d = 1 }
          for _, text in ipairs(take(pull, 40)) do
            local name = text:sub(1, 1)
            local n = nexts[name]
            nexts[name] = n + 1
            assert.equal(name == "d" and "d|" .. n or
              n % 2 == 1 and ("%s|%d||[%d]"):format(name, n, n) or name .. "|" .. n .. "|", text)
          end
          eddy.gather(tasks):await()
        end)
      end)

    it("that several tasks receive go to one each, and rcvmore is for that one", function()
      run(function()
        local pull, push = join(zmq.PULL, zmq.PUSH)
        local seen, whole = 0, 0
        local buffer = ffi.new("char[8]")
        local tasks = {}
        for i = 1, 3 do
          tasks[i] = spawn(function()
            while true do
              local parts = { call(pull, "recv") }
              while pull.rcvmore do
                assert.equal(1, pull:get("rcvmore"))
                if i == 2 then eddy.sleep(0) end
                if i == 3 then
                  parts[#parts + 1] = ffi.string(buffer, call(pull, "recv_into", buffer))
                else
                  parts[#parts + 1] = call(pull, "recv_string")
                end
              end
              if not parts[1] then return end
              assert.same({ parts[1], parts[1], parts[1] }, parts)
              seen = seen + 1
            end
          end)
        end
        tasks[4] = spawn(function()
          while true do
            local msg = call(pull, "recv_serialized", function(list) return list end)
            if not msg then return end
            assert.same({ msg[1], msg[1], msg[1] }, msg)
            whole = whole + 1
          end
        end)
        for n = 1, 60 do
          local msg = { n .. "", n .. "", n .. "" }
          while not push:send_multipart(msg, DONTWAIT) do eddy.sleep(0) end
        end
        while seen + whole < 60 do eddy.sleep(1) end
        for _, task in ipairs(tasks) do
          task:cancel()
          task:await()
        end
      end)
    end)

    it("that were begun keep the line until the last one", function()
      run(function()
        local push, pull = join(zmq.PUSH, zmq.PULL)
        local begun = eddy.future(loop)
        local first = spawn(function()
          call(push, "send", "1", MORE)
          begun:set_result()
          eddy.sleep(2)
          call(push, "send", "2")
        end)
        begun:await()
        assert.equal("EAGAIN", select(2, call(push, "send", "x", DONTWAIT)).name)
        assert.equal(0, call(push, "poll", 0, zmq.POLLOUT))
        local second = spawn(call, push, "send", "x")
        assert.equal(zmq.POLLOUT, call(push, "poll", nil, zmq.POLLOUT))
        assert.is_true(first:done())
        assert.same({ "1|2", "x" }, take(pull, 2))
        second:await()
      end)
    end)

    it("of a message that nobody ends, or that is cancelled, are not sent", function()
      run(function()
        local push, pull = join(zmq.PUSH, zmq.PULL)
        spawn(function() call(push, "send", "left", MORE) end)
        eddy.sleep(0)
        call(push, "send", "1")
        assert.matches("^PUSH socket at inproc://%S+: task %(.-parts_spec%.lua:%d+%) ended in " ..
          "the middle of a message that it was sending: nothing of it was sent$",
          support.take_log())

        local cancelled = spawn(function()
          call(push, "send", "cancelled", MORE)
          eddy.sleep(1e6)
        end)
        eddy.sleep(0)
        local waits = spawn(call, push, "send", "2")
        eddy.sleep(0)
        cancelled:cancel()
        waits:await()

        local failed = spawn(function()
          call(push, "send", "failed", MORE)
          error("on purpose", 0)
        end)
        assert.is_false(pcall(failed.await, failed))
        call(push, "send", "3")
        assert.matches("in the middle", support.take_log())
        assert.same({ "1", "2", "3" }, take(pull, 3))
      end)
    end)

    if kind == "async" then
      it("that wait in line are given up with the one before them", function()
        run(function()
          local push = context:socket(zmq.PUSH, { linger = 0, sndhwm = 1, bind = support.inproc() })
          local stuck = push:send("stuck")
          local function send(...)
            local list, count = {}, select("#", ...)
            for i = 1, count do list[i] = push:send((select(i, ...)), i < count and MORE or 0) end
            return list
          end
          local first, second, third = send("1", "2", "3"), send("4", "5"), send("6", "7")
          second[1]:cancel()
          for i, future in ipairs { first[1], second[2], third[1] } do
            assert.equal(i == 2, future:done())
          end
          first[2]:cancel()
          push.sndtimeo = 1
          local late = send("8", "9")
          for _, future in ipairs(late) do
            assert.equal("EAGAIN", select(2, future:await()).name)
          end
          local pull = plain:socket(zmq.PULL, { linger = 0, connect = push.last_endpoint })
          assert.same({ "stuck", "6|7" }, take(pull, 2))
          assert.is_true(stuck:done())
          assert.is_true(first[3]:cancelled())
        end)
      end)
    end

    it("of a message whose last part finds no room in time are not sent", function()
      run(function()
        local push, pull = join(zmq.PUSH, zmq.PULL, { sndhwm = 1, sndtimeo = 1 })
        local sent = 0
        repeat
          local ok = call(push, "send", "n", MORE)
          if ok then ok = call(push, "send", "m") end
          sent = ok and sent + 1 or sent
        until not ok
        local texts = take(pull, sent)
        for _, text in ipairs(texts) do assert.equal("n|m", text) end
        call(push, "send_multipart", { "x", "y" })
        assert.same({ "x|y" }, take(pull, 1))
      end)
    end)

    it("that are left of a message whose receiver has ended go to nobody", function()
      run(function()
        local pull, push = join(zmq.PULL, zmq.PUSH)
        push:send_multipart { "1", "2", "3" }
        push:send_multipart({ "a", "b" }, DONTWAIT)
        spawn(function() call(pull, "recv") end)
        eddy.sleep(0)
        assert.same({ "a", "b" }, call(pull, "recv_multipart"))
        assert.matches("was receiving: the rest of it is dropped", support.take_log())

        push:send_multipart { "1", "2", "3" }
        local reader = spawn(function()
          call(pull, "recv")
          eddy.sleep(1e6)
        end)
        eddy.sleep(1)
        local other = spawn(call, pull, "recv_multipart")
        assert.equal("EAGAIN", select(2, call(pull, "recv", DONTWAIT)).name)
        assert.equal(0, call(pull, "poll", 1))
        local poller = module.poller()
        poller:register(pull, zmq.POLLIN)
        assert.same({}, call(poller, "poll", 1))
        reader:cancel()
        push:send_multipart { "c" }
        assert.same({ "c" }, other:await())
      end)
    end)

    it("that a task took or sent, whoever awaits the task goes on with", function()
      run(function()
        local pair, other = join(zmq.PAIR, zmq.PAIR)
        other:send_multipart { "1", "2", "3" }
        assert.equal("1", eddy.with_timeout(1000, spawn(call, pair, "recv")):await())
        assert.is_true(pair.rcvmore)
        assert.equal("2", (eddy.gather(spawn(call, pair, "recv")):await()))
        assert.equal("3", call(pair, "recv"))
        assert.is_false(pair.rcvmore)
        spawn(call, pair, "send", "a", MORE):await()
        call(pair, "send", "b")
        assert.same({ "a|b" }, take(other, 1))
      end)
    end)

    it("that a callback began are its own while it waits, and nobody's once it failed", function()
      run(function()
        local push, pull = join(zmq.PUSH, zmq.PULL)
        local left = 2
        for _, name in ipairs { "a", "b" } do
          loop:call_later(0, function()
            call(push, "send", name, MORE)
            eddy.sleep(1)
            call(push, "send", name)
            left = left - 1
          end)
        end
        while left > 0 do eddy.sleep(1) end
        loop:add_callback(function()
          push:send("failed", MORE)
          error("on purpose", 0)
        end)
        loop:add_callback(function() push:send("c") end)
        local texts = take(pull, 3)
        table.sort(texts)
        assert.same({ "a|a", "b|b", "c" }, texts)
        assert.matches("a callback ended in the middle.*on purpose", support.take_log())
      end)
    end)

    it("that a stream's handler began are its own, also when the next message's fails", function()
      run(function()
        local push, pull = join(zmq.PUSH, zmq.PULL)
        local stream, source = support.receiver()
        stream:on_recv(function(msg)
          if msg[1] == "fails" then error("on purpose", 0) end
          push:send(msg[1], msg[1] == "begun" and MORE or nil)
        end)
        for _, text in ipairs { "begun", "fails", "ended", "1" } do source:send(text) end
        assert.same({ "begun|ended", "1" }, take(pull, 2))
        assert.equal(nil, support.take_log():find("in the middle", 1, true))
        stream:close()
      end)
    end)

    it("that the main program began are its own while it waits", function()
      local push, pull = join(zmq.PUSH, zmq.PULL)
      loop:make_current()
      loop:add_callback(function() push:send("x", DONTWAIT) end)
      local ok = pcall(function()
        call(push, "send", "1", MORE)
        eddy.sleep(1)
        call(push, "send", "2")
      end)
      eddy.loop.clear_current()
      assert.is_true(ok)
      assert.same({ "1", "2" }, pull:recv_multipart())
    end)

    it("of a ROUTER go together to the peer that the first one names", function()
      run(function()
        local router = context:socket(zmq.ROUTER, { linger = 0, router_mandatory = true })
        local endpoint = router:bind(support.inproc())
        local peers, tasks = {}, {}
        for i, name in ipairs { "alice", "bob", "carol" } do
          peers[i] = context:socket(zmq.DEALER, { linger = 0, routing_id = name,
            connect = endpoint })
          tasks[i] = spawn(function()
            for _ = 1, 20 do
              assert.same({ "", "for " .. name }, call(peers[i], "recv_multipart"))
            end
          end)
          tasks[3 + i] = spawn(function()
            for _ = 1, 20 do
              call(router, "send", name, MORE)
              call(router, "send", "", MORE)
              eddy.sleep(0)
              call(router, "send", "for " .. name)
            end
          end)
        end
        eddy.gather(tasks):await()
        call(router, "send", "nobody", MORE)
        local ok, err = pcall(call, router, "send", "x")
        assert.same({ false, "EHOSTUNREACH" }, { ok, err.name })
        call(router, "send_multipart", { "bob", "again" })
        assert.same({ "again" }, call(peers[2], "recv_multipart"))
      end)
    end)

    it("say at once what a socket cannot do, and change nothing then", function()
      run(function()
        local rep, req = join(zmq.REP, zmq.REQ)
        local pull = context:socket(zmq.PULL, { linger = 0 })
        for _, each in ipairs { { pull, "ENOTSUP" }, { rep, "EFSM" } } do
          local ok, err = pcall(call, each[1], "send", "x", MORE)
          assert.same({ false, each[2] }, { ok, err.name })
        end
        req:send("q")
        call(rep, "recv")
        assert.has_error(function() call(rep, "send", {}, MORE) end)
        call(rep, "send", "a", MORE)
        assert.has_error(function() call(rep, "send", 1) end)
        call(rep, "send", "b")
        assert.same({ "a", "b" }, req:recv_multipart())
        local push = context:socket(zmq.PUSH, { linger = 0, bind = support.inproc() })
        assert.equal("EAGAIN", select(2, call(push, "send", "x", MORE + DONTWAIT)).name)
      end)
    end)

    it("keep a socket from a stream, and a closed one from everything", function()
      run(function()
        local pair, other = join(zmq.PAIR, zmq.PAIR)
        call(pair, "send", "1", MORE)
        assert.error_matches(function() eddy.stream(pair, loop) end, "sent in part")
        call(pair, "send", "2")
        other:send_multipart { "1", "2" }
        call(pair, "recv")
        assert.error_matches(function() eddy.stream(pair, loop) end, "received in part")
        local waits = spawn(function() return pcall(call, pair, "recv") end)
        eddy.sleep(0)
        call(pair, "send", "x", MORE)
        pair:close(0)
        waits:await()
        for _, flags in ipairs { 0, MORE } do
          local ok, err = pcall(call, pair, "send", "y", flags)
          assert.same({ false, "ENOTSOCK" }, { ok, err.name })
        end
      end)
    end)

    it("may be the first that a socket sends and receives, without waiting", function()
      run(function()
        local push, pull = join(zmq.PAIR, zmq.PAIR)
        pull:send_multipart { "1", "2" }
        assert.equal("1", call(push, "recv", DONTWAIT))
        assert.equal("2", call(push, "recv"))
        call(push, "send", "3", MORE + DONTWAIT)
        call(push, "send", "4")
        assert.same({ "3|4" }, take(pull, 1))
      end)
    end)

    it("have trackers", function()
      run(function()
        local push, pull = join(zmq.PUSH, zmq.PULL)
        local first = call(push, "send", ("x"):rep(100), MORE, nil, true)
        local last = call(push, "send", ("y"):rep(100), 0, nil, true)
        assert.same({ ("x"):rep(100) .. "|" .. ("y"):rep(100) }, take(pull, 1))
        assert.is_true(first:wait(1000))
        assert.is_true(last:wait(1000))
      end)
    end)

    it("of random messages of random tasks are never mixed", function()
      local seed = tonumber(os.getenv("EDDY_SEED")) or os.time()
      math.randomseed(seed)
      local random = math.random
      run(function()
        local endpoint = support.inproc()
        local from = context:socket(zmq.DEALER, { linger = 0, sndhwm = 2, bind = endpoint })
        local to = context:socket(zmq.DEALER, { linger = 0, rcvhwm = 2, connect = endpoint })
        local over, writers, readers, number = false, {}, {}, 0
        local function pause() if random(3) == 1 then eddy.sleep(random(0, 1)) end end
        local function write()
          while not over do
            number = number + 1
            local name, count = tostring(number), random(5)
            local parts = { name .. "/" .. count }
            for i = 2, count do parts[i] = name end
            local i = 1
            while i <= count do
              local flags = random(4) == 1 and DONTWAIT or 0
              local n = random(count - i + 1)
              if i + n <= count then flags = flags + MORE end
              local ok, err
              if n == 1 then
                ok, err = call(from, "send", parts[i], flags)
              else
                local some = {}
                for k = 1, n do some[k] = parts[i + k - 1] end
                ok, err = call(from, "send_multipart", some, flags)
              end
              if not ok and err.name == "ECANCELED" then return end
              if not ok then break end
              i = i + n
              pause()
            end
            if random(20) == 1 then return end -- perhaps in the middle
            eddy.sleep(0)
          end
        end
        local got = 0
        local function read()
          while not over do
            if random(4) == 1 then call(to, "poll", 1) end
            local parts = {}
            if random(3) == 1 then
              parts = call(to, "recv_multipart") or parts
            else
              parts[1] = call(to, "recv")
              while to.rcvmore do
                pause()
                local rest, err = call(to, "recv_multipart", random(2) == 1 and DONTWAIT or 0)
                if err then return end
                for _, part in ipairs(rest) do parts[#parts + 1] = part end
              end
            end
            if not parts[1] then return end
            local name, count = parts[1]:match("^(%d+)/(%d+)$")
            local text = ("seed %d: %s"):format(seed, table.concat(parts, " "))
            assert.message(text).equal(tonumber(count), #parts)
            for i = 2, #parts do assert.message(text).equal(name, parts[i]) end
            got = got + 1
          end
        end
        local bound = loop:time() + 9000
        while got < 400 and loop:time() < bound do
          for list, fn in pairs { [writers] = write, [readers] = read } do
            for i = 1, 3 do
              local task = list[i]
              if not task or task:done() then
                list[i] = spawn(fn)
                if task and not task:cancelled() then task:await() end
              elseif random(30) == 1 then
                task:cancel()
              end
            end
          end
          eddy.sleep(1)
        end
        assert.message("seed " .. seed).is_true(got >= 400)
        over = true
        for _, list in ipairs { writers, readers } do
          for _, task in ipairs(list) do
            task:cancel()
            task:await()
          end
        end
      end)
      for line in (support.take_log() .. "\n"):gmatch("(.-)\n") do
        local is_known = line == "" or line:find("in the middle of a message", 1, true)
        assert.message(("seed %d: %s"):format(seed, line)).is_truthy(is_known)
      end
    end)
  end)
end

describe("a message that a task began and never ends", function()
  it("is named when those that wait behind it are all that is left", function()
    local text, code = support.script [[
local eddy, zmq = require "eddy", require "eddy.green"
local push = zmq.instance():socket(zmq.PUSH, { bind = "inproc://a" })
local pull = zmq.instance():socket(zmq.PULL, { connect = "inproc://a" })
eddy.spawn(function()
  push:send("1", zmq.SNDMORE)
  eddy.future():await()
end)
eddy.spawn(function() push:send("2") end)
]]
    assert.equal(1, code)
    assert.matches("send on PUSH socket at inproc://a, behind a message that task %(%(%-e%):4%) " ..
      "has begun", text)
  end)
end)

describe("receives of an async socket that were begun before the first wait", function()
  local begins = [[
local eddy, zmq = require "eddy", require "eddy.zmq"
local context, loop = eddy.async.instance(), eddy.loop.instance()
local pull = context:socket(zmq.PULL, { linger = 0, bind = "inproc://a" })
local push = context:socket(zmq.PUSH, { linger = 0, connect = "inproc://a" })
local function receive(send)
  local first, second, third = pull:recv(), pull:recv(), pull:recv()
  send { "x", "y", "z" }
  print(first:await() .. second:await() .. third:await())
end
]]

  for whose, ends in pairs {
    ["the main program"] = "receive(function(msg) push:send_multipart(msg) end)",
    ["a callback"] = [[loop:add_callback(receive, function(msg)
  loop:call_later(1, push.send_multipart, push, msg)
end)
loop:call_later(5000, loop.stop, loop):unref()]],
  } do
    it("have the parts of one message in order, of " .. whose, function()
      local text, code = support.script(begins .. ends)
      assert.equal("xyz\n", text)
      assert.equal(0, code)
    end)
  end

  it("have them also when another task than the one that began them awaits them", function()
    local text, code = support.script(begins .. [[
eddy.spawn(function()
  local first, second = pull:recv(), pull:recv()
  loop:call_later(1, push.send_multipart, push, { "x", "y" })
  eddy.spawn(function() print(first:await() .. second:await()) end)
  eddy.sleep(20)
end)]])
    assert.equal("xy\n", text)
    assert.equal(0, code)
  end)
end)
