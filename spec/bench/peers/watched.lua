-- What the watchdog benchmark runs with and without one. Prints the CPU time in ns of one
-- message in a handler, and of one step of a loop over an array, which does little else.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local MESSAGES, SIZE, ROUNDS = 200000, 1000, 2e5

local function cpu_ns() return os.clock() * 1e9 end

local loop = eddy.loop.instance()
local pull = zmq.instance():socket(zmq.PULL, { rcvhwm = 0, bind = "inproc://watched" })
local push = zmq.instance():socket(zmq.PUSH, { sndhwm = 0, connect = "inproc://watched" })
for _ = 1, MESSAGES do push:send(("x"):rep(32)) end

local received, bytes, message_ns, step_ns = 0, 0, nil, nil
local began = cpu_ns()
eddy.stream(pull):on_recv(function(msg)
  received, bytes = received + 1, bytes + #msg[1]
  if received == MESSAGES then
    message_ns = (cpu_ns() - began) / MESSAGES
    loop:add_callback(function()
      local array, sum = {}, 0
      for i = 1, SIZE do array[i] = i end
      local start = cpu_ns()
      for _ = 1, ROUNDS do
        for i = 1, SIZE do
          local value = array[i]
          sum = sum + value
          array[i] = value
        end
      end
      step_ns = (cpu_ns() - start) / (SIZE * ROUNDS)
      loop:stop()
    end)
  end
end)
loop:start()
print(("%.2f %.3f"):format(message_ns, step_ns))
