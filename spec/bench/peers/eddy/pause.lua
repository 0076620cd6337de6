-- The longest time for which the loop hears nothing, while messages come and go beside so many
-- tables that live on. usage: pause.lua TABLES SECONDS
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local C = require("eddy.base.libeddy").C

local tables, seconds = tonumber((...)), tonumber((select(2, ...)))
local live = {}
for i = 1, tables do live[i] = { id = i, name = "name " .. i } end

local context, loop = zmq.instance(), eddy.loop.instance()
local pull = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://pause" }))
local push = eddy.stream(context:socket(zmq.PUSH, { connect = "inproc://pause" }))
local count, last, longest, ended = 0, nil, 0, C.eddy_time() + seconds * 1000
pull:on_recv(function(msg)
  local now = C.eddy_time()
  if last and now - last > longest then longest = now - last end
  last, count = now, count + 1
  local entry = live[count % tables + 1]
  entry.name = msg[1]
  if now > ended then return loop:stop() end
  push:send("name " .. count)
end)
for i = 1, 10 do push:send("name " .. -i) end
loop:start()
print(("longest_ms=%.2f"):format(longest))
