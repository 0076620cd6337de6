-- A handler that gets each message as a table of strings, or of frames, which it drops or closes.
-- usage: receive.lua ENDPOINT COUNT [strings|frames|closed [SENDER-LIBRARY SIZE]]
local eddy = require "eddy"
local ffi = require "ffi"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local endpoint, count, kind, library, size = ...
count = tonumber(count)
local socket = zmq.instance():socket(zmq.PULL,
  { rcvhwm = library and 0 or 1000, bind = endpoint })
local stream, loop = eddy.stream(socket), eddy.loop.instance()
print(socket.last_endpoint)

local received, bytes, start = 0, 0, nil
stream:on_recv(function(msg)
  start = start or watch.start()
  received, bytes = received + 1, bytes + #msg[1]
  if kind == "closed" then msg[1]:close() end
  if received == count then loop:stop() end
end, kind ~= "frames" and kind ~= "closed")

-- For inproc, the sender is a thread of this process, which has sent all before the first is
-- received: else its speed would be measured.
if library then
  ffi.cdef "void bench_send(const char *endpoint, double count, int size);"
  ffi.load(library).bench_send(endpoint, count, tonumber(size))
end
loop:start()
watch.tell(start, count)
