-- Small things: a callback, a task, a timer that is cancelled, a send that is reported, a record.
local p = require "harness.programs"

local benchmark = { contestants = {}, rows = {} }

local function row(mode, title, count, at_most)
  table.insert(benchmark.contestants,
    { name = "eddy at " .. mode, p.eddy("turns", mode, p.count(count)) })
  table.insert(benchmark.rows, { title = title, metric = "cpu_ns", unit = "ns of CPU",
    of = "eddy at " .. mode, among = {}, aims = { { at_most = at_most } } })
end

row("callback", "one callback a turn", 500000, 400)
row("spawn", "spawn a task, and its end", 500000, 1000)
row("later", "set a timer and cancel it", 500000, 500)
row("reported", "send with a callback", 500000, 1000)
row("log", "a log record that nobody reads", 200000, 500)

return benchmark
