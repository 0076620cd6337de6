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

local loop = eddy.loop.instance()
local state = eddy.keep("state", function()
  return { next = 1, wrong = 0, began = 0, took = {}, at = 0, longest = 0, memory = {} }
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

-- The time between two turns that received something.
local function look()
  local now = loop:time()
  if state.at > 0 then state.longest = math.max(state.longest, now - state.at) end
  state.at = now
end
loop:call_every(1, look)

local function finish()
  local seconds = (loop:time() - state.began) / 1000
  table.sort(state.took)
  local first, last = state.memory[math.ceil(#state.memory / 10)], state.memory[#state.memory]
  print(("%d reloads, %.0f messages, %.0f a second, %d wrong; took %.1f ms (median), " ..
    "%.1f (most); longest pause %.1f ms; RSS %.1f MiB after a tenth, %.1f at the end"):format(
    #state.took, state.next - 1, (state.next - 1) / seconds, state.wrong,
    state.took[math.ceil(#state.took / 2)], state.took[#state.took], state.longest, first, last))
  os.exit(state.wrong == 0 and 0 or 1)
end

if eddy.generation == 1 then state.began = loop:time() end
loop:call_later(EVERY_MS, function()
  if #state.took == RELOADS then return finish() end
  local answer = assert(reload.now())
  table.insert(state.took, answer.took_ms)
  table.insert(state.memory, resident())
end)
