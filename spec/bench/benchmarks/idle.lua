-- One event at a time, among more and more sockets that are idle.
local p = require "harness.programs"

local benchmark = { contestants = {}, rows = {} }

-- Those whose time grows with the sockets get fewer events.
local function among(sockets, own, walkers, python)
  own, walkers, python = p.count(own), p.count(walkers), p.count(python)
  local function named(name) return name .. " at " .. sockets end
  local contestants = {
    { name = named "eddy", p.eddy("idle", sockets, own) },
    { name = named "zmq_poll", p.c("floor", "idle", sockets, walkers) },
    { name = named "zloop", p.c("zloop", "idle", sockets, walkers) },
    { name = named "ZMQStream", p.python("zmqstream", "idle", sockets, python) },
  }
  for _, contestant in ipairs(contestants) do
    table.insert(benchmark.contestants, contestant)
  end
  local aims
  if sockets == 1 then aims = { { against = named "zmq_poll", at_most = 1 } } end
  if sockets == 16000 then aims = { { against = "eddy at 1", at_most = 3 } } end
  table.insert(benchmark.rows, { title = "one event among " .. sockets .. " streams",
    metric = "cpu_ns", unit = "ns of CPU", of = named "eddy", aims = aims,
    among = { named "zmq_poll", named "zloop", named "ZMQStream" } })
end

among(1, 200000, 200000, 10000)
among(100, 200000, 20000, 10000)
among(1000, 200000, 1000, 10000)
among(4000, 100000, 200, 5000)
among(16000, 100000, 50, 5000)

return benchmark
