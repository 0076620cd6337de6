-- Receives numbered messages as fast as they come, through reloads of itself, and counts what was
-- lost, or came twice, or in another order.
-- usage: eddy reloaded.lua RELOADS EVERY_MS
local eddy = require "eddy"
local ffi = require "ffi"
local reload = require "eddy.reload"
local zmq = eddy.zmq

local RELOADS, EVERY_MS = tonumber(arg[1]), tonumber(arg[2])

-- Sends numbers, one a message, until the other side is gone.
local function produce(endpoint)
  local bytes, zmq = require "ffi", require "eddy.zmq" -- luacheck: ignore 431
  local number = bytes.new "double[1]"
  local push = zmq.instance():socket(zmq.PUSH, { connect = endpoint, sndhwm = 10000, linger = 0 })
  while true do
    number[0] = number[0] + 1
    push:send(bytes.string(number, 8))
  end
end

eddy.cdef "int clock_gettime(int clock, long *time);"

local loop = eddy.loop.instance()
local state = eddy.keep("state", function()
  return { next = 1, wrong = 0, began = 0, took = {}, cpu = {}, at = 0, longest = 0, other = 0,
    memory = {} }
end)
local stream = eddy.keep("stream", function()
  local own = eddy.stream(zmq.instance():socket(zmq.PULL, { rcvhwm = 10000 }))
  own:bind "inproc://numbers"
  return own
end)
eddy.keep("producer", function() return eddy.thread.start(produce, "inproc://numbers") end)

local function resident()
  for line in io.lines "/proc/self/status" do
    local size = line:match "^VmRSS:%s+(%d+)"
    if size then return size / 1024 end
  end
end

local pointer = ffi.typeof "const double *"
stream:on_recv(function(msg)
  if ffi.cast(pointer, msg[1])[0] ~= state.next then state.wrong = state.wrong + 1 end
  state.next = ffi.cast(pointer, msg[1])[0] + 1
end)

-- The time between two turns that received something: with a reload between them, and without.
local function look()
  local now = loop:time()
  local which = state.has_reloaded and "longest" or "other"
  if state.at > 0 then state[which] = math.max(state[which], now - state.at) end
  state.at, state.has_reloaded = now, false
end
loop:call_every(1, look)

-- The CPU time of this thread, in ms.
local function cpu_ms()
  local time = ffi.new "long[2]"
  ffi.C.clock_gettime(3, time)
  return tonumber(time[0]) * 1e3 + tonumber(time[1]) / 1e6
end

local function finish()
  local seconds = (loop:time() - state.began) / 1000
  table.sort(state.took)
  table.sort(state.cpu)
  local first, last = state.memory[math.ceil(#state.memory / 10)], state.memory[#state.memory]
  print(("%d reloads, %.0f messages, %.0f a second, %d wrong; took %.1f ms (median), " ..
    "%.1f (most), of CPU %.1f and %.1f; longest pause %.1f ms, %.1f without a reload; " ..
    "RSS %.1f MiB after a tenth, %.1f at the end"):format(
    #state.took, state.next - 1, (state.next - 1) / seconds, state.wrong,
    state.took[math.ceil(#state.took / 2)], state.took[#state.took],
    state.cpu[math.ceil(#state.cpu / 2)], state.cpu[#state.cpu], state.longest, state.other,
    first, last))
  os.exit(state.wrong == 0 and 0 or 1)
end

if eddy.generation == 1 then state.began = loop:time() end
loop:call_later(EVERY_MS, function()
  if #state.took == RELOADS then return finish() end
  local before = cpu_ms()
  local answer = assert(reload.now())
  table.insert(state.cpu, cpu_ms() - before)
  table.insert(state.took, answer.took_ms)
  state.has_reloaded = true
  table.insert(state.memory, resident())
end)
