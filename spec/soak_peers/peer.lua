-- A peer of the soak: sends numbers, asks and is answered, and subscribes. What it finds wrong
-- it tells the service. Arguments: its number, and the service's endpoints.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local name, sink, answers, news = ...
local life = name .. "." .. math.floor(eddy.loop.instance():time())
local IN_FLIGHT, EVERY_MS, MOST_QUEUED = 20, 5, 500

local context = zmq.instance()
local function connect(kind, endpoint, settings)
  settings = settings or {}
  settings.linger, settings.connect = 0, endpoint
  return eddy.stream(context:socket(kind, settings))
end

local out = connect(zmq.PUSH, sink)
local asker = connect(zmq.DEALER, answers)
local listener = connect(zmq.SUB, news, { subscribe = "" })

local function complain(text) out:send_multipart { life, "wrong", text } end

local sent, asked, answered, heard = 0, 0, 0, 0

eddy.loop.instance():call_every(EVERY_MS, function()
  if out:stats().queued < MOST_QUEUED then
    for _ = 1, 5 do
      sent = sent + 1
      out:send_multipart { life, "number", tostring(sent), ("x"):rep(sent % 3000) }
    end
  end
  while asked - answered < IN_FLIGHT do
    asked = asked + 1
    asker:send_multipart { life, tostring(asked), ("y"):rep(asked % 500) }
  end
end)

asker:on_recv(function(msg)
  answered = answered + 1
  if msg[1] ~= life or msg[2] ~= tostring(answered) then
    complain(("answer %s instead of %d"):format(tostring(msg[2]), answered))
    answered = tonumber(msg[2]) or answered
  end
end)

listener:on_recv(function(msg)
  local number = tonumber(msg[1])
  -- A slow subscriber misses some: never part of one, and never one twice.
  if #msg ~= 2 or #msg[2] ~= number % 200 or number <= heard then
    complain(("news %s after %d"):format(tostring(msg[1]), heard))
  end
  heard = number
end)
