-- One message a wake-up, as most services get them: the sender waits between two, or for the reply.
local p = require "harness.programs"

local pushed, asked = p.count(30000), p.count(20000)
local WARM_UP = 1000 -- as peers/client.c has it
local SIZE, PARTS, PACE_US = 32, 1, 25
local transports = { tcp = "tcp://127.0.0.1:*", ipc = "ipc:///tmp/eddy-bench-single" }
local benchmark = { contestants = {}, rows = {} }

local function compare(title, contestants)
  local among = {}
  for i, contestant in ipairs(contestants) do
    local name = contestant.name .. " at " .. title
    contestant.name = name
    table.insert(benchmark.contestants, contestant)
    if i > 1 then among[#among + 1] = name end
  end
  table.insert(benchmark.rows, { title = "one message a wake-up, " .. title, metric = "cpu_ns",
    unit = "ns of CPU", of = "eddy at " .. title, among = among,
    aims = { { against = "zloop at " .. title, at_most = 1 } } })
end

for _, transport in ipairs { "tcp", "ipc" } do
  local endpoint = transports[transport]
  local push = p.c("push", "ENDPOINT", pushed, SIZE, PARTS, 0, PACE_US)
  compare("PUSH to PULL, " .. transport, {
    { name = "eddy", p.eddy("receive", p.library(), endpoint, pushed), push },
    { name = "zloop", p.c("zloop", "receive", pushed, endpoint), push },
    { name = "C floor", p.c("floor", "receive", endpoint, pushed), push },
  })
  local req = p.c("client", "req", "ENDPOINT", asked)
  compare("REQ to REP, " .. transport, {
    { name = "eddy", p.eddy("echo", "rep", asked + WARM_UP, endpoint), req },
    { name = "zloop", p.c("zloop", "rep", asked + WARM_UP, endpoint), req },
    { name = "C floor", p.c("floor", "rep", asked + WARM_UP, endpoint), req },
  })
end
compare("PUSH to PULL, inproc", {
  { name = "eddy", p.eddy("idle", 1, p.count(200000)) },
  { name = "zloop", p.c("zloop", "idle", 1, p.count(200000)) },
  { name = "C floor", p.c("floor", "idle", 1, p.count(200000)) },
})

return benchmark
