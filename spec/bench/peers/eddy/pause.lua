-- The longest time, of CPU, for which the loop hears nothing, while messages come and go beside so
-- many tables that live on; with `room`, as the reference says for LuaJIT's collector.
-- usage: pause.lua TABLES SECONDS [room]
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local tables, seconds = tonumber((...)), tonumber((select(2, ...)))
local live = {}
for i = 1, tables do live[i] = { id = i, name = "name " .. i } end

local context, loop = zmq.instance(), eddy.loop.instance()
local pull = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://pause" }))
local push = eddy.stream(context:socket(zmq.PUSH, { connect = "inproc://pause" }))
local count, last, longest, ended = 0, nil, 0, os.clock() + seconds
pull:on_recv(function(msg)
  local now = os.clock()
  if last and now - last > longest then longest = now - last end
  last, count = now, count + 1
  local entry = live[count % tables + 1]
  entry.name = msg[1]
  if now > ended then return loop:stop() end
  push:send("name " .. count)
end)
for i = 1, 10 do push:send("name " .. -i) end
if select(3, ...) == "room" then
  local room = {}
  live.room = room
  for i = 1, 2 * tables do room[i] = "room " .. i end
  for i = tables + 1, 2 * tables do room[i] = nil end
end
loop:start()
print(("longest_ms=%.2f"):format(longest * 1000))
