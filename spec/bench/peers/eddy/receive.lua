-- A handler that gets each message as a table of strings, of views, or of frames, which it drops
-- or closes, and reads every byte of it once: a C function does, which gets the string, or the
-- pointer that a view or frame has (`buffer`), and its size.
-- usage: receive.lua LIBRARY ENDPOINT COUNT [strings|view|frames|closed [SIZE [REPEATS]]]
-- LIBRARY is the sender's, which has the sum, too; SIZE is for inproc.
local eddy = require "eddy"
local ffi = require "ffi"
local zmq = require "eddy.zmq"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

local library, endpoint, count, kind, size, repeats = ...
count = tonumber(count)
local copy = kind ~= "frames" and kind ~= "closed" and (kind ~= "view" or kind)
local socket = zmq.instance():socket(zmq.PULL, { rcvhwm = size and 0 or 1000, bind = endpoint })
local stream, loop = eddy.stream(socket), eddy.loop.instance()
print(socket.last_endpoint)

ffi.cdef [[
  void bench_send(const char *endpoint, double count, int size, int repeats);
  double bench_sum(const void *data, unsigned size);
]]
local bench = ffi.load(library)

local function read_strings(msg)
  local sum = bench.bench_sum(msg[1], #msg[1])
  if not msg[2] then return sum end -- LuaJIT need not make a list of which nobody asks the length
  for i = 2, #msg do sum = sum + bench.bench_sum(msg[i], #msg[i]) end
  return sum
end

local function read_frame(frame)
  local sum = bench.bench_sum(frame.buffer, #frame)
  if kind == "closed" then frame:close() end
  return sum
end

local function read_frames(msg)
  local sum = read_frame(msg[1])
  if not msg[2] then return sum end
  for i = 2, #msg do sum = sum + read_frame(msg[i]) end
  return sum
end

local read = copy == true and read_strings or read_frames
local received, total, start = 0, 0, nil
stream:on_recv(function(msg)
  start = start or watch.start()
  received, total = received + 1, total + read(msg)
  if received == count then loop:stop() end
end, copy)

-- For inproc, the sender is a thread of this process, which has sent all before the first is
-- received: else its speed would be measured.
if size then bench.bench_send(endpoint, count, tonumber(size), tonumber(repeats or 0)) end
loop:start()
watch.tell(start, count)
