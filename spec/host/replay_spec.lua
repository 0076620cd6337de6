-- `eddy --record` and `eddy --replay`.
local process = require "spec.support.process"

local check, eddy, shell = process.check, process.eddy, process.shell

-- A broker with a heart beat, a task, waits in a handler, random numbers and times of day. What is
-- %s in it, a changed one has otherwise.
local broker = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local folder = ...
  local loop, context = eddy.loop.instance(), zmq.instance()
  local front = eddy.stream(context:socket(zmq.ROUTER, { bind = "ipc://" .. folder .. "/front" }))
  local back = eddy.stream(context:socket(zmq.ROUTER, { bind = "ipc://" .. folder .. "/back" }))
  local log = eddy.stream(context:socket(zmq.PUB, { bind = "ipc://" .. folder .. "/log" }))
  local idle, waiting, count, sent = {}, {}, 0, 0
  local function match()
    while idle[1] and waiting[1] do
      local worker, msg = table.remove(idle, 1), table.remove(waiting, 1)
      count = count + 1
      back:send_multipart({ worker, msg[1], msg[2], "job " .. count, tostring(math.random(1000)),
        os.date("%%c"), tostring(loop:time()), tostring(eddy.now()) },
        { callback = function() sent = sent + 1 end })
    end
  end
  front:on_recv(function(msg)
    if msg[2]:find "7" then eddy.sleep(1) end
    waiting[#waiting + 1] = msg
    match()
  end)
  front:set_concurrency(3)
  back:on_recv(function(msg)
    if #msg > 2 then front:send_multipart { msg[2], msg[3] } end
    idle[#idle + 1] = msg[1]
    match()
  end, false)
  %s
  eddy.spawn(function()
    while true do
      eddy.sleep(3)
      log:send("sent " .. sent)
    end
  end):unref()
]]

local beat = [[loop:call_every(2, function() log:send("beat " .. count) end)]]

local load = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local folder = ...
  local loop, context = eddy.loop.instance(), zmq.instance()
  local function dealer(name)
    return eddy.stream(context:socket(zmq.DEALER, { connect = "ipc://" .. folder .. name }))
  end
  for _ = 1, 3 do
    local worker = dealer "/back"
    worker:on_recv(function(msg) worker:send_multipart { msg[1], msg[2] .. "!" } end)
    worker:send "ready"
  end
  local got = 0
  for _ = 1, 4 do
    local client, next_one = dealer "/front", 10
    client:on_recv(function()
      got, next_one = got + 1, next_one + 1
      if got == 400 then loop:stop() end
      client:send("request " .. next_one)
    end)
    for i = 1, 10 do client:send("request " .. i) end
  end
  loop:start()
]]

describe("a recording of a broker's load", function()
  local write, remove = process.scripts()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    check(0, shell("mkdir " .. folder))
  end)

  after_each(function()
    shell("rm -r " .. folder)
    remove()
  end)

  local function record(script)
    local command = [[%s --record %s/file %s %s & P=$!
      %s %s %s; code=$?
      kill -TERM $P; wait $P || exit 10; exit $code]]
    check(0, shell(command:format(EDDY_HOST, folder, write(script), folder, EDDY_HOST, write(load),
      folder)))
  end

  local function replay(script)
    return eddy("--replay", folder .. "/file", write(script), folder)
  end

  it("is played again without the load: the broker sends the same", function()
    local script = broker:format(beat)
    record(script)
    for _ = 1, 2 do
      local _, err = check(0, replay(script))
      local count = tonumber(err:match "^eddy: replay: the same: (%d+) messages were sent")
      assert.message(err).is_true(count > 800)
    end
    local command = ("EDDY_JIT=off %s --replay %s/file %s %s"):format(EDDY_HOST, folder,
      write(script), folder)
    local _, err = check(0, shell(command))
    assert.matches("the same", err)
  end)

  it("shows the first thing that a changed script does otherwise", function()
    record(broker:format(beat))
    for change, expected in pairs {
      [beat:gsub('"beat "', '(count > 50 and "bleat " or "beat ")')] =
        "PUB socket at ipc://[^ ]*/log, message %d+ that it sends, recorded [%d.]+ s " ..
        'after the beginning: recorded "beat %d+", now "bleat %d+"',
      [beat .. " count = 1"] = 'recorded [^\n]*0"?[^\n]*, now "[^\n]*',
      [beat .. ":stop()"] =
        "replay: timer [^,]*, which fired [%d.]+ s after the beginning, is not there, or is " ..
        "stopped",
      [beat .. " back:on_recv(nil)"] = "/back, which received .* does not receive in this run",
      [beat .. ' back:send_multipart { "a", "too many" }'] = 'recorded "[^\n]*, now "a" "too many"',
    } do
      local _, err = check(1, replay(broker:format(change)))
      assert.matches(expected, err)
      assert.equal(1, select(2, err:gsub("\n", "\n")))
    end
  end)
end)

describe("eddy --record and --replay", function()
  local write, remove = process.scripts()
  local name

  before_each(function() name = os.tmpname() end)
  after_each(function()
    os.remove(name)
    remove()
  end)

  local function plays(text)
    local script = write(text)
    local out, err = check(0, eddy("--record", name, script, "records"))
    assert.equal("", err)
    local again, said = check(0, eddy("--replay", name, script))
    assert.matches("^eddy: replay: the same: %d+ message", said)
    return out, again
  end

  it("play a REP and its client, replies that wait, and what on_send hears", function()
    local out, again = plays [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local loop, context = eddy.loop.instance(), zmq.instance()
      local rep = eddy.stream(context:socket(zmq.REP, { bind = "inproc://a" }))
      local req = eddy.stream(context:socket(zmq.REQ, { connect = "inproc://a" }))
      local left = 20
      rep:on_recv(function(msg)
        if tonumber(msg[1]) % 3 == 0 then eddy.sleep(1) end
        if tonumber(msg[1]) % 5 == 0 then error "fifth" end
        rep:send("re " .. msg[1] .. " " .. math.random())
        print(pcall(rep.send, rep, "twice"))
      end)
      loop:on_error(function(err) print("failed", err) end)
      req:on_send(function(msg) print("sent", msg[1]) end)
      req:on_recv_stream(function(stream, msg)
        print(msg[1])
        left = left - 1
        if left == 0 then loop:stop() else stream:send(tostring(left)) end
      end)
      req:send "20"]]
    assert.is_true(#out > 500)
    assert.equal(out, again)
  end)

  it("play timers that are stopped and started, and their order among messages", function()
    local out, again = plays [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local loop, context = eddy.loop.instance(), zmq.instance()
      local a = eddy.stream(context:socket(zmq.PAIR, { bind = "inproc://a" }))
      local b = eddy.stream(context:socket(zmq.PAIR, { connect = "inproc://a" }))
      local ticks = 0
      local other = loop:call_later(1, function() print "other" end)
      local tick
      tick = loop:call_every(0.3, function()
        ticks = ticks + 1
        print("tick", ticks)
        b:send("tick " .. ticks)
        if ticks % 7 == 0 then other:start() end
        if ticks % 9 == 0 then other:stop() end
        if ticks == 60 then tick:cancel() loop:call_later(1, loop.stop, loop) end
      end)
      a:on_recv(function(msg)
        print(msg[1])
        loop:call_later(0.2, function() print("after", msg[1]) end)
        loop:add_callback(print, "callback", msg[1])
      end)]]
    assert.is_true(#out > 1000)
    assert.equal(out, again)
  end)

  it("play signals: those with a handler, and the end in order", function()
    local out, again = plays [[
      local eddy = require "eddy"
      local ffi = require "ffi"
      ffi.cdef "int raise(int);"
      local loop = eddy.loop.instance()
      loop:on_signal("USR1", function(name)
        print(name)
        loop:call_later(5, function() loop:stop_gracefully() end)
      end)
      loop:on_stop(function(reason) print("stops", reason) end)
      loop:call_later(5, function() if arg[1] then ffi.C.raise(10) end end)]]
    assert.equal("USR1\nstops\tnil\n", out)
    assert.matches("USR1\n", again)
  end)

  it("have an exit with os.exit, and an error of the script's, in their codes", function()
    local script = write "print(math.random()) os.exit(3)"
    local out = check(3, eddy("--record", name, script))
    assert.equal(out, (check(3, eddy("--replay", name, script))))
  end)

  it("say that what plain sockets receive is not recorded", function()
    local _, err = check(0, eddy("--record", name, "-e", [[
      local zmq = require "eddy.zmq"
      local a = zmq.instance():socket(zmq.PAIR, { bind = "inproc://a" })
      local b = zmq.instance():socket(zmq.PAIR, { connect = "inproc://a" })
      for i = 1, 2 do
        a:send "x"
        b:recv()
      end]]))
    assert.equal("eddy: --record: what PAIR socket at inproc://a receives is not among it: " ..
      "streams' messages are, not those of plain, async and green sockets\n", err)
  end)

  it("say what is wrong with a file", function()
    local file = assert(io.open(name, "w"))
    file:write "anything"
    file:close()
    for _, given in ipairs {
      { "--replay", name, "cannot read " .. name .. ": it is no recording" },
      { "--replay", name .. "/x", "cannot read .*Not a directory" },
      { "--replay", "/", "cannot read /" },
      { "--record", name .. "/x", "cannot write .*Not a directory" },
    } do
      local _, err = check(2, eddy(given[1], given[2], "-e", "print 'never'"))
      assert.matches(given[3], err)
    end
    local _, err = check(2, eddy("--record", name, "--replay", name, "-e", ""))
    assert.matches("one of them at a time", err)
  end)

  it("play one that was cut off, as far as it goes", function()
    local script = write [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local a = eddy.stream(zmq.instance():socket(zmq.PAIR, { bind = "inproc://a" }))
      local b = eddy.stream(zmq.instance():socket(zmq.PAIR, { connect = "inproc://a" }))
      a:on_recv(function(msg) if msg[1] == "5" then eddy.loop.instance():stop() end end)
      local pull = eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "inproc://c" }))
      zmq.instance():socket(zmq.PUSH, { connect = "inproc://c" }):send "to a peer that is not there"
      for i = 1, 5 do b:send(tostring(i)) end]]
    check(0, eddy("--record", name, script))
    check(0, shell(("truncate -s -20 %s"):format(name)))
    local _, err = check(0, eddy("--replay", name, script))
    assert.matches("cut off: it is played as far as it goes", err)
    assert.matches("the same", err)
  end)

  -- Replays the first bytes of the recording; fails unless that ends by itself.
  local function ends_cut_off(script, left, argument)
    local code, out, err = shell(("head -c %d %s >%s.cut; timeout 30 %s --replay %s.cut %s %s")
      :format(left, name, name, process.quote(EDDY_HOST), name, script, argument))
    os.remove(name .. ".cut")
    assert.message(code .. out .. err).is_true(code <= 2)
  end

  it("come to an end wherever a recording was cut off", function()
    local script = write [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local a = eddy.stream(zmq.instance():socket(zmq.PAIR, { bind = "inproc://a" }))
      if arg[1] then a:send "early" end
      local loop, count = eddy.loop.instance(), 0
      loop:call_every(1, function()
        count = count + 1
        if count == 5 then loop:stop() end
      end)]]
    check(0, eddy("--record", name, script))
    local size = tonumber(select(2, shell("stat -c %s " .. name)):match "%d+")
    for _, left in ipairs { 48, 64, 96, size - 100, size - 40 } do
      for _, early in ipairs { "", "early" } do ends_cut_off(script, left, early) end
    end
  end)

  it("come to an end where a recording is cut off, also without any timer", function()
    local script = write [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local a = eddy.stream(zmq.instance():socket(zmq.PAIR, { bind = "inproc://a" }))
      local b = eddy.stream(zmq.instance():socket(zmq.PAIR, { connect = "inproc://a" }))
      a:on_recv(function(msg) if msg[1] == "5" then eddy.loop.instance():stop() end end)
      for i = 1, 5 do b:send(tostring(i)) end]]
    check(0, eddy("--record", name, script))
    local size = tonumber(select(2, shell("stat -c %s " .. name)):match "%d+")
    for _, left in ipairs { 72, size - 130 } do ends_cut_off(script, left, "") end
  end)
end)
