-- Strangers who would end the process by libzmq's own assertions: it lives. Each test plays in a
-- host of its own, which is both sides.
local full = require "spec.support.full"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local TRIES = full.size(10, 200)

-- What all of them begin with. `meet` returns once libzmq's thread has seen all that was sent to
-- it before: a message went through that thread, too.
local BEGINNING = ([[
  package.path = %q .. "/?.lua;" .. package.path
  local eddy, zmq, zmtp = require "eddy", require "eddy.zmq", require "spec.zmtp.peer"
  local loop, context = eddy.loop.instance(), zmq.instance()
  local tries, kind, transport, folder = tonumber(arg[1]), arg[2], arg[3], arg[4]

  local far = context:socket(zmq.PULL, { linger = 0, bind = "tcp://127.0.0.1:*" })
  local near = context:socket(zmq.PUSH, { linger = 0, connect = far.last_endpoint })
  local function meet()
    near:send("x")
    far:recv()
  end

  local function listen(settings, number)
    local socket = context:socket(zmq[kind], settings)
    if kind == "SUB" then socket:subscribe "" end
    if transport == "ipc" then
      local path = folder .. "/" .. number
      socket:bind("ipc://" .. path)
      return socket, function() return zmtp.connect_ipc(path) end
    end
    socket:bind("tcp://127.0.0.1:*")
    local port = tonumber(socket.last_endpoint:match "%%d+$")
    return socket, function() return zmtp.connect(port) end
  end

  local function wait(done, what)
    local bell = loop:call_every(1, function() if done() then loop:stop() end end)
    local late = loop:call_later(20000, function()
      print(what .. " did not come")
      os.exit(1)
    end)
    loop:start()
    bell:cancel()
    late:cancel()
  end

  local PEER = { PULL = "PUSH", ROUTER = "DEALER", DEALER = "ROUTER", REP = "REQ", PAIR = "PAIR",
    SUB = "PUB", XSUB = "PUB", XPUB = "SUB" }
  -- A message to a socket of that kind, and what it is there.
  local function message(number)
    if kind == "REP" then return zmtp.message { "", tostring(number) } end
    if kind == "XPUB" then return zmtp.frame("\1" .. number) end
    return zmtp.frame(tostring(number))
  end
  local PING = "\4\7\4PING\0\0"
]]):format(EDDY_ROOT)

describe("a stranger", function()
  local script, remove_scripts = process.scripts()
  local folder
  before_each(function() folder = support.temp_dir() end)
  after_each(function()
    remove_scripts()
    os.execute("rm -rf " .. folder)
  end)

  local lived = 0
  teardown(function()
    full.figure("strangers who would end the process", "it lived %d times, and died never", lived)
  end)

  local function play(text, ...)
    local words = { process.quote(EDDY_HOST), script(BEGINNING .. text), TRIES, ... }
    local code, out, err = process.shell("ulimit -c 0; " .. table.concat(words, " "))
    assert.same({ 0, "alive\n", "" }, { code, out, err })
    lived = lived + TRIES
  end

  -- A queue is full, a PING waits behind it, and the connection is gone: libzmq answers the PING
  -- when the queue is read.
  local PING_IN_A_BACKLOG = [[
    local QUEUE, MORE = 10, 50
    for try = 1, tries do
      local socket, connect = listen({ linger = 0, rcvhwm = QUEUE }, try)
      local stream = eddy.stream(socket, loop)
      local heard, is_gone, last = 0, false, nil
      stream:on_event(function() is_gone = true end, zmq.EVENT_DISCONNECTED)
      local peer = connect()
      peer:open(PEER[kind])
      local text = {}
      for i = 1, QUEUE + MORE do
        text[i] = message(i) .. (i == QUEUE + MORE / 2 and PING or "")
      end
      peer:send(table.concat(text))
      if try % 2 == 0 then meet() end
      peer:leave(try % 3 ~= 0)
      meet()
      -- Nobody reads, and the connection is dead: that takes no time.
      if try == 2 then
        local before = os.clock()
        loop:call_later(200, function() loop:stop() end)
        loop:start()
        assert(os.clock() - before < 0.15, "it spins")
      end
      stream:on_recv(function(msg)
        if kind == "XPUB" and msg[1]:byte() == 0 then return end -- what it wanted went with it
        heard = heard + 1
        last = msg[#msg]
        if kind == "REP" then stream:send "reply" end
      end)
      wait(function() return is_gone and heard >= QUEUE + MORE end, "its end or its messages")
      assert(heard == QUEUE + MORE and last:find(heard, 1, true), "other messages")
      stream:close()
    end
    print "alive"
  ]]
  for _, kind in ipairs { "PULL", "ROUTER", "DEALER", "REP", "PAIR", "SUB", "XSUB", "XPUB" } do
    for _, transport in ipairs { "tcp", "ipc" } do
      it(("leaves a PING in the backlog of a %s over %s"):format(kind, transport), function()
        play(PING_IN_A_BACKLOG, kind, transport, folder)
      end)
    end
  end

  it("leaves messages in the kernel's buffers, over ipc too, and they come", function()
    play([[
      for try = 1, tries do
        local QUEUE, MESSAGES = 10, 150
        local socket, connect = listen({ linger = 0, rcvhwm = QUEUE }, try)
        local peer = connect()
        peer:open(PEER[kind])
        peer:send(zmtp.frame(("x"):rep(1000)):rep(MESSAGES))
        if try % 2 == 0 then meet() end
        peer:leave()
        meet()
        socket.rcvtimeo = 10000
        for _ = 1, MESSAGES do assert(#assert(socket:recv()) == 1000) end
        socket:close()
      end
      print "alive"
    ]], "PULL", "ipc", folder)
  end)

  -- Peers from before ZMTP 3.0, and what is none: at whichever byte their greeting is cut.
  local OLD_GREETINGS = [[
    local SIGNATURE = "\255" .. ("\0"):rep(8) .. "\127"
    local OLD = { SIGNATURE .. "\1\5\0\0", SIGNATURE .. "\0\5\1\0", SIGNATURE .. "\2\0",
      "\255" .. ("\0"):rep(7) .. "\5\0name", "\1\0\2\0x", "GET / HTTP/1.1\r\n\r\n", "\255\1" }
    local EPROTONOSUPPORT = 93
    local socket, connect = listen({ linger = 0 }, 1)
    local stream = eddy.stream(socket, loop)
    local failed, heard = 0, 0
    stream:on_event(function(event)
      if event.value == EPROTONOSUPPORT then failed = failed + 1 end
    end, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
    stream:on_recv(function(msg)
      assert(msg[#msg] == "good")
      heard = heard + 1
    end)
    local expected = 0
    for try = 1, tries do
      local text = OLD[(try - 1) % #OLD + 1]
      local cut = math.floor((try - 1) / #OLD) % (#text - 1) + 1
      -- What has no version ends there; a short one has no place of its own to be cut.
      local peer = connect()
      peer:send(text:sub(1, cut))
      meet()
      peer:send(text:sub(cut + 1))
      if text ~= "\255\1" then
        repeat until not peer:receive(100) -- the other side leaves
        expected = expected + 1
      end
      wait(function() return failed == expected end, "word of it")
      peer:leave()
      -- The next one is of today, byte by byte, and may have the same descriptor.
      peer = connect()
      for i = 1, #zmtp.GREETING do
        peer:send(zmtp.GREETING:sub(i, i))
        if i < 13 and try % 10 == 1 then meet() end
      end
      peer:open("DEALER", true)
      peer:send(zmtp.frame "good")
      wait(function() return heard == try end, "the good message")
      peer:leave()
    end
    print "alive"
  ]]
  for _, transport in ipairs { "tcp", "ipc" } do
    it("of another time is turned away over " .. transport, function()
      play(OLD_GREETINGS, "ROUTER", transport, folder)
    end)
  end

  it("may send what it likes to a STREAM", function()
    play([[
      local socket, connect = listen({ linger = 0 }, 1)
      local peer = connect()
      local text = "\255" .. ("\0"):rep(8) .. "\127\1\5"
      peer:send(text)
      assert(#socket:recv_multipart()[2] == 0) -- it has come
      local got = ""
      repeat got = got .. socket:recv_multipart()[2] until #got == #text
      assert(got == text)
      print "alive"
    ]], "STREAM", "tcp")
  end)

  -- Of the size of a greeting's first bytes is what this proxy says of itself: ten letters.
  it("may be a proxy of SOCKS, whose answers are no greetings", function()
    play([[
      local proxy, port = zmtp.listen()
      for _ = 1, tries do
        local pull = context:socket(zmq.PULL, { linger = 0, socks_proxy = "127.0.0.1:" .. port })
        pull:connect("tcp://127.0.0.1:9")
        local peer
        wait(function()
          peer = proxy:accept()
          return peer
        end, "a connection")
        peer:receive(100)
        peer:send "\5\0"
        peer:receive(100)
        peer:send "\5\0\0\3\10proxy.home\0\9"
        peer:open "PUSH"
        peer:send(zmtp.frame "good")
        assert(pull:recv() == "good")
        pull:close()
        peer:leave()
      end
      print "alive"
    ]], "PULL")
  end)

  -- Servers to which the host's sockets connect. `serve` is what a server does with the next
  -- connection.
  local SERVER = [[
    local QUEUE = 10
    local OPENING = "\255" .. ("\0"):rep(8) .. "\127\1\5\0\0"
    local server
    local function serve(fn)
      local peer
      wait(function()
        peer = server:accept()
        return peer
      end, "a connection")
      return fn(peer) or peer
    end
    -- Each has its own: a connection of the one before may still come.
    local function connect(handshake_ivl)
      local port
      server, port = zmtp.listen()
      local socket = context:socket(zmq[kind], { linger = 0, rcvhwm = QUEUE,
        handshake_ivl = handshake_ivl, reconnect_ivl = 1 })
      if kind == "SUB" then socket:subscribe "" end
      socket:connect("tcp://127.0.0.1:" .. port)
      return eddy.stream(socket, loop)
    end
    local function wait_for_good(stream)
      local good = false
      stream:on_recv(function(msg)
        good = good or msg[#msg] == "good"
        if kind == "REP" then stream:send "reply" end
      end)
      local peers = {} -- it may have given up a connection that waited
      wait(function()
        local peer = server:accept()
        if peer then
          peer:open(PEER[kind])
          peer:send(kind == "REP" and zmtp.message { "", "good" } or zmtp.frame "good")
          peers[#peers + 1] = peer
        end
        return good
      end, "the good message")
      for _, peer in ipairs(peers) do peer:leave() end
      server:close()
      stream:close()
    end
  ]]
  for _, kind in ipairs { "PULL", "DEALER", "SUB", "ROUTER", "PAIR", "XSUB" } do
    it("serves a " .. kind .. " by ZMTP 2.0, for longer than its handshake may take", function()
      play(SERVER .. [[
        for _ = 1, tries do
          local stream = connect(100)
          local first = serve(function(peer) peer:push(OPENING .. message(1):rep(QUEUE * 5)) end)
          -- It comes back, as the handshake's time is up, or as it does not like this server.
          local second = serve(function(peer) peer:push(OPENING) end)
          meet()
          meet()
          stream:on_recv(function() end)
          loop:call_later(1, function() loop:stop() end)
          loop:start()
          first:leave()
          second:leave()
          wait_for_good(stream)
        end
        print "alive"
      ]], kind)
    end)
  end

  for _, kind in ipairs { "ROUTER", "REP" } do
    it("serves a " .. kind .. " by ZMTP 2.0, whose queue is full", function()
      play(SERVER .. [[
        for _ = 1, tries do
          local stream = connect(30000)
          serve(function(peer)
            peer:open(PEER[kind])
            peer:send(message(1):rep(QUEUE))
            meet()
            peer:leave()
          end)
          serve(function(peer)
            peer:push(OPENING)
            meet()
            peer:leave()
          end)
          local heard = 0
          stream:on_recv(function()
            heard = heard + 1
            if kind == "REP" then stream:send "reply" end
          end)
          wait(function() return heard == QUEUE end, "what was there")
          wait_for_good(stream)
        end
        print "alive"
      ]], kind)
    end)
  end
end)
