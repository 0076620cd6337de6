-- Many handlers that are all hot, each compiled from a source of its own, as in a service with as
-- many kinds of messages: they parse what a PUB sends to all of them, and ROUNDS times of it are
-- measured, once each handler had as many messages as LuaJIT takes to compile its ways.
-- usage: handlers.lua HANDLERS ROUNDS
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local handlers, rounds = tonumber((...)), tonumber((select(2, ...)))
local BURST, WARM = 20, 20
local context, loop = zmq.instance(), eddy.loop.instance()
context:set(zmq.MAX_SOCKETS, 65000)
local publisher = context:socket(zmq.PUB, { bind = "inproc://handlers", sndhwm = 0 })

local round, left, start = 0, 0, nil
local function publish()
  round = round + 1
  if round == WARM + 1 then start = watch.start() end
  if round > WARM + rounds then return loop:stop() end
  left = handlers * BURST
  for i = 1, BURST do
    publisher:send(("user=%d;kind=order;amount=%d;flags=abc"):format(round, i * round % 1000))
  end
end

local function done()
  left = left - 1
  if left == 0 then publish() end
end

local SOURCE = [[
  local done, state = ...
  local byte, find, sub = string.byte, string.find, string.sub
  return function(msg)
    local text, mark, kind = msg[1], %d, nil
    for i = 1, #text do
      local code = byte(text, i)
      if code == 61 then mark = mark + i elseif code == 59 then mark = bit.bxor(mark, i) end
    end
    local from = find(text, "kind=", 1, true)
    if from then kind = sub(text, from + 5, from + 9) end
    local entry = state[kind] or { count = 0, sum = 0 }
    state[kind] = entry
    entry.count = entry.count + 1
    if mark %% 3 == 0 then
      entry.sum = entry.sum + mark
    elseif mark %% 3 == 1 then
      entry.sum = entry.sum - 1
    else
      entry.sum = entry.sum + 2
    end
    done()
  end]]
for i = 1, handlers do
  local socket = context:socket(zmq.SUB,
    { connect = "inproc://handlers", subscribe = "", rcvhwm = 0 })
  local make = assert(loadstring(SOURCE:format(i), "=handler" .. i))
  eddy.stream(socket):on_recv(make(done, {}))
end
loop:add_callback(publish)
loop:start()
watch.tell(start, rounds * handlers * BURST)
os.exit(0)
