-- A worker that is steered by one socket and fed by another, without a poll loop: three
-- processes over tcp.
--   * The command server, a PUSH socket, sends Continue six times and then Exit.
--   * The topic publisher, a PUB socket, publishes topics 8 and 9.
--   * The worker has a PULL stream for the commands and a SUB stream for topic 9, each with
--     its handler. On Exit it stops its loop; the publisher does not know, and goes on for a
--     while.
-- Run it: ./examples/run stream_poller [COMMAND_PORT [TOPIC_PORT [PACE_MS]]]
-- The ports are 5556 and 5558 unless given; a command comes every PACE_MS, 100 unless given.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local COMMANDS = 6
local MOST_PUBLICATIONS, LAST_PUBLICATIONS = 100, 3 -- in all, and after the worker is gone
local PATIENCE_MS = 5000 -- for a peer that never comes

local loop = eddy.loop.instance()

-- The worker holds the other end of our standard input, so that it closes with the worker.
local function when_worker_is_gone(fn)
  loop:add_handler(0, function()
    loop:remove_handler(0)
    fn()
  end)
end

local function server(port, pace)
  local socket = zmq.instance():socket(zmq.PUSH)
  socket:bind("tcp://127.0.0.1:" .. port)
  print("Running server on port:  " .. port)
  local stream = eddy.stream(socket)
  local sent = 0

  local function send_next()
    sent = sent + 1
    stream:send(sent <= COMMANDS and "Continue" or "Exit")
  end
  -- A command goes out when the worker is there to take it, and the next one after a while.
  stream:on_send(function()
    if sent > COMMANDS then return loop:stop() end
    loop:call_later(pace, send_next)
  end)
  send_next()
  when_worker_is_gone(function() loop:stop() end)
end

local function publisher(port, pace)
  local socket = zmq.instance():socket(zmq.PUB)
  socket:bind("tcp://127.0.0.1:" .. port)
  print("Running server on port:  " .. port)
  local stream = eddy.stream(socket)
  local number, last = 0, MOST_PUBLICATIONS
  when_worker_is_gone(function() last = math.min(last, number + LAST_PUBLICATIONS) end)
  loop:call_every(pace / 2, function()
    number = number + 1
    local message = (8 + number % 2) .. " server#" .. port
    print(message)
    stream:send(message)
    if number >= last then loop:stop() end
  end)
end

local function worker(command_port, topic_port)
  local context = zmq.instance()
  local commands = context:socket(zmq.PULL)
  commands:connect("tcp://127.0.0.1:" .. command_port)
  print("Connected to server with port " .. command_port)
  local topics = context:socket(zmq.SUB, { subscribe = "9" })
  topics:connect("tcp://127.0.0.1:" .. topic_port)
  print("Connected to publisher with port " .. topic_port)

  local gave_up = false
  local patience = loop:call_later(PATIENCE_MS, function()
    gave_up = true
    loop:stop()
  end)

  eddy.stream(commands):on_recv(function(msg)
    print("Received control command: " .. msg[1])
    patience:start()
    if msg[1] == "Exit" then
      print("Received exit command, client will stop receiving messages")
      loop:stop()
    end
  end)
  eddy.stream(topics):on_recv(function(msg)
    print("Processing ... " .. msg[1])
  end)

  loop:start()
  if gave_up then error("no command for " .. PATIENCE_MS .. " ms", 0) end
  print("Worker has stopped processing messages.")
end

-- Starts this script again in another role, with a pipe to its standard input.
local function start(...)
  local words = { "exec", arg[-1], arg[0], ... }
  for i = 2, #words do words[i] = "'" .. tostring(words[i]):gsub("'", "'\\''") .. "'" end
  return assert(io.popen(table.concat(words, " "), "w"))
end

local function main(command_port, topic_port, pace)
  local children = {
    start("server", command_port, pace),
    start("publisher", topic_port, pace),
  }
  worker(command_port, topic_port)
  for _, child in ipairs(children) do child:close() end
end

local function whole_number(text, default, what)
  local number = tonumber(text or default)
  if not number or number < 1 or number % 1 ~= 0 then
    error(what .. ": expected a whole number above 0, got " .. tostring(text), 0)
  end
  return number
end

local roles = { server = server, publisher = publisher }
local role = roles[arg[1]]
if role then
  role(arg[2], tonumber(arg[3]))
else
  main(whole_number(arg[1], 5556, "COMMAND_PORT"), whole_number(arg[2], 5558, "TOPIC_PORT"),
    whole_number(arg[3], 100, "PACE_MS"))
end
