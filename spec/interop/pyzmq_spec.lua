-- eddy with the real PyZMQ on the other side, in both directions.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local PYTHON = os.getenv("EDDY_PYTHON") or "/usr/bin/python3"
local installed = process.shell(process.quote(PYTHON) .. " -c 'import zmq'") == 0
local WAIT = 20000

local every_byte = {}
for byte = 0, 255 do every_byte[byte + 1] = string.char(byte) end
every_byte = table.concat(every_byte)
local many = {}
for i = 1, 500 do many[i] = i % 3 == 0 and "" or every_byte:sub(1, i % 256) end

local MESSAGES = {
  { "hello" }, { "" }, { "", "" }, { "", "in the middle", "", "" },
  { "\0" }, { "\0\0", "", "\0a\0" }, { every_byte }, { every_byte:rep(1000), every_byte },
  many, { "the last one" },
}
local ROUTING_ID = "py\0\255"

local function python_bytes(text)
  return 'b"' .. text:gsub(".", function(char) return ("\\x%02x"):format(char:byte()) end) .. '"'
end

local function python_list(messages)
  local lines = {}
  for i, msg in ipairs(messages) do
    local parts = {}
    for k, part in ipairs(msg) do parts[k] = python_bytes(part) end
    lines[i] = "[" .. table.concat(parts, ", ") .. "]"
  end
  return "[" .. table.concat(lines, ",\n") .. "]"
end

-- Both directions of each pattern; the partner of a role and a type.
local ROLES = {
  { role = "ask", type = "REQ", peer = "answer", peer_type = "REP" },
  { role = "answer", type = "REP", peer = "ask", peer_type = "REQ" },
  { role = "ask", type = "DEALER", peer = "answer", peer_type = "ROUTER" },
  { role = "answer", type = "ROUTER", peer = "ask", peer_type = "DEALER" },
  { role = "give", type = "PUSH", peer = "take", peer_type = "PULL" },
  { role = "take", type = "PULL", peer = "give", peer_type = "PUSH" },
  { role = "give", type = "PUB", peer = "take", peer_type = "SUB" },
  { role = "take", type = "SUB", peer = "give", peer_type = "PUB" },
}

-- What each side sends is what it would send in PyZMQ: strings, or frames.
local function outgoing(msg, copy)
  if copy then return msg end
  local frames = {}
  for i, part in ipairs(msg) do frames[i] = zmq.frame(part) end
  return frames
end

local function texts(msg, copy)
  if copy then return msg end
  local list = {}
  for i, frame in ipairs(msg) do list[i] = frame.bytes end
  return list
end

local function is_join(msg) return #msg == 1 and msg[1] == "join" end

-- eddy's side with a plain socket. Each returns what it received.
local plain = {}

function plain.ask(socket, messages, copy)
  local got = {}
  for i, msg in ipairs(messages) do
    assert(socket:send_multipart(outgoing(msg, copy), 0, copy))
    got[i] = texts(assert(socket:recv_multipart(0, copy)), copy)
  end
  return got
end

function plain.answer(socket, messages, copy)
  local got = {}
  for i = 1, #messages do
    local msg = assert(socket:recv_multipart(0, copy))
    got[i] = texts(msg, copy)
    assert(socket:send_multipart(msg, 0, copy))
  end
  return got
end

function plain.give(socket, messages, copy, back)
  if socket.type == zmq.PUB then
    while back:poll(10) == 0 do socket:send("join") end
  end
  for _, msg in ipairs(messages) do
    assert(socket:send_multipart(outgoing(msg, copy), 0, copy))
  end
end

function plain.take(socket, messages, copy, back)
  local got, told = {}, false
  repeat
    local msg = texts(assert(socket:recv_multipart(0, copy)), copy)
    if not is_join(msg) then
      got[#got + 1] = msg
    elseif not told then
      told = back:send("go")
    end
  until #got == #messages
  return got
end

-- eddy's side with a stream.
local streams = {}

-- Stops the loop once `count` messages are out.
local function stop_when_sent(stream, count)
  local out = 0
  stream:on_send(function(_, err)
    assert(not err, err)
    out = out + 1
    if out == count then stream.loop:stop() end
  end)
end

function streams.ask(stream, messages, copy)
  local got = {}
  stream:on_recv(function(msg)
    got[#got + 1] = texts(msg, copy)
    if #got == #messages then return stream.loop:stop() end
    assert(stream:send_multipart(outgoing(messages[#got + 1], copy)))
  end, copy)
  assert(stream:send_multipart(outgoing(messages[1], copy)))
  support.run(stream.loop, WAIT)
  return got
end

function streams.answer(stream, messages, copy)
  local got = {}
  stop_when_sent(stream, #messages)
  stream:on_recv_stream(function(on, msg)
    got[#got + 1] = texts(msg, copy)
    assert(on:send_multipart(msg))
  end, copy)
  support.run(stream.loop, WAIT)
  return got
end

function streams.give(stream, messages, copy, back)
  local function give()
    stop_when_sent(stream, #messages)
    for _, msg in ipairs(messages) do assert(stream:send_multipart(outgoing(msg, copy))) end
  end
  if stream.socket.type == zmq.PUB then
    local join = stream.loop:call_every(10, function() stream:send("join") end)
    eddy.stream(back, stream.loop):on_recv(function()
      join:cancel()
      give()
    end)
  else
    give()
  end
  support.run(stream.loop, WAIT)
end

function streams.take(stream, messages, copy, back)
  local got, told = {}, false
  stream:on_recv(function(msg)
    msg = texts(msg, copy)
    if not is_join(msg) then
      got[#got + 1] = msg
    elseif not told then
      told = back:send("go")
    end
    if #got == #messages then stream.loop:stop() end
  end, copy)
  support.run(stream.loop, WAIT)
  return got
end

describe("PyZMQ", function()
  local loop, context, files

  before_each(function()
    loop, context = support.open()
    files = {}
  end)

  after_each(function()
    support.close()
    for _, name in ipairs(files) do os.remove(name) end
    collectgarbage()
  end)

  local function test(name, run)
    if installed then
      it(name, run)
    else
      pending(name .. " (skipped: " .. PYTHON .. " has no zmq; Debian's package is python3-zmq)")
    end
  end

  local function open(number)
    return context:socket(number, { linger = WAIT, rcvtimeo = WAIT, sndtimeo = WAIT })
  end

  -- Starts the peer in the background; what it prints can be read.
  local function start(case, way, endpoint, back, face, list)
    local name = process.script(list)
    files[#files + 1] = name
    local words = { PYTHON, EDDY_ROOT .. "/spec/interop/pyzmq.py", case.peer, case.peer_type, way,
      endpoint, back, face, name }
    for i, word in ipairs(words) do words[i] = process.quote(word) end
    return io.popen("timeout -k 1 60 " .. table.concat(words, " ") .. " 2>&1")
  end

  local function meet(case, we_bind, use_stream, copy, messages, list)
    local back = open(case.role == "take" and zmq.PUSH or zmq.PULL)
    back:bind("tcp://127.0.0.1:*")
    local socket = open(zmq[case.type])
    if case.type == "SUB" then socket:subscribe("") end
    if case.type == "DEALER" then socket.routing_id = ROUTING_ID end
    local endpoint = "tcp://127.0.0.1:*"
    if we_bind then
      socket:bind(endpoint)
      endpoint = socket.last_endpoint
    end
    local peer = start(case, we_bind and "connect" or "bind", endpoint, back.last_endpoint,
      copy and "strings" or "frames", list)
    if not we_bind then
      local line = peer:read("*l")
      if not line:match("^tcp://") then error(line .. "\n" .. peer:read("*a")) end
      socket:connect(line)
    end

    local got
    if use_stream then
      local stream = eddy.stream(socket, loop)
      stream:set_send_limit { bytes = 2 ^ 28 }
      got = streams[case.role](stream, messages, copy, back)
    else
      got = plain[case.role](socket, messages, copy, back)
    end
    local said = peer:read("*a")
    peer:close()
    assert.equal("ok\n", said)
    if case.role == "give" then return end
    assert.equal(#messages, #got)
    for i, msg in ipairs(got) do
      if case.type == "ROUTER" then assert.equal(ROUTING_ID, table.remove(msg, 1)) end
      assert.same(messages[i], msg)
    end
  end

  local function each_face(run)
    for _, use_stream in ipairs { true, false } do
      for _, copy in ipairs { true, false } do
        run(use_stream, copy, ("%s, %s"):format(use_stream and "a stream" or "a plain socket",
          copy and "strings" or "frames"))
      end
    end
  end

  local list = python_list(MESSAGES)

  for _, case in ipairs(ROLES) do
    for _, we_bind in ipairs { true, false } do
      each_face(function(use_stream, copy, face)
        local name = ("%s to its %s: %s, %s"):format(case.type, case.peer_type, face,
          we_bind and "bound here" or "bound there")
        test(name, function() meet(case, we_bind, use_stream, copy, MESSAGES, list) end)
      end)
    end
  end

  -- There and back again.
  for i = 1, 2 do
    each_face(function(use_stream, copy, face)
      test(("100 MB, %s to its %s: %s"):format(ROLES[i].type, ROLES[i].peer_type, face), function()
        local piece = every_byte:sub(1, 250)
        local big = { "", piece:rep(400000), "\0" }
        meet(ROLES[i], i == 2, use_stream, copy, { big },
          ('[[b"", %s * 400000, b"\\0"]]'):format(python_bytes(piece)))
      end)
    end)
  end
end)
