-- Jobs and processes: a service that counts primes in processes of its own, and answers others
-- meanwhile; and a program that sorts what it is given.
-- Run it: ./examples/run jobs
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local context = zmq.instance()
local pool = eddy.jobs { module = "jobs.primes", workers = 2, queue = 10, timeout = 10000 }

-- "count 1000" takes long, and is done elsewhere; "hello" is answered at once.
local service = eddy.stream(context:socket(zmq.ROUTER, { bind = "inproc://service" }))
service:set_concurrency(10) -- while one request waits for its job, others are taken
service:on_recv(function(msg)
  local client, number = msg[1], msg[2]:match "^count (%d+)$"
  if not number then return service:send_multipart { client, "at once: " .. msg[2] } end
  local half = math.floor(number / 2)
  local first, second = eddy.gather(pool:call("count", 0, half), pool:call("count", half, number))
    :await()
  service:send_multipart { client, ("%d primes below %d"):format(first + second, number) }
end)

local client = eddy.stream(context:socket(zmq.DEALER, { connect = "inproc://service" }))
local answers = {}
client:on_recv(function(msg)
  print(msg[1])
  answers[#answers + 1] = msg[1]
  if #answers < 2 then return end
  -- A program, without a shell; its lines come as it writes them.
  local sort = eddy.process.spawn { "sort", stdin = "pipe", stdout = function(line)
    print("sorted: " .. line)
  end }
  for _, answer in ipairs(answers) do sort:write(answer .. "\n") end
  sort:close_stdin()
  print("sort ended with " .. sort.exit:await())
  pool:close():await()
  eddy.loop.instance():stop()
end)
client:send "count 300000"
client:send "hello"
