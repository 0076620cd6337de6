-- Other messages than those of `recv`: several parts, and larger ones; strings, frames and views.
local p = require "harness.programs"

local TCP = "tcp://127.0.0.1:*"
local benchmark = { contestants = {}, rows = {} }

local function compare(title, count, size, parts, kind, at_most)
  count = p.count(count)
  local push = p.c("push", "ENDPOINT", count, size, parts)
  local own, floor = "eddy at " .. title, "C floor at " .. title
  table.insert(benchmark.contestants,
    { name = own, p.eddy("receive", p.library(), TCP, count, kind), push })
  table.insert(benchmark.contestants, { name = floor, p.c("floor", "receive", TCP, count), push })
  table.insert(benchmark.rows, { title = "receive " .. title .. ", tcp", metric = "cpu_ns",
    unit = "ns of CPU", of = own, among = { floor },
    aims = { { against = floor, at_most = at_most } } })
end

compare("3 parts of 32 B", 300000, 32, 3, "strings", 1.5)
compare("4 parts of 32 B", 300000, 32, 4, "strings", 1.5)
compare("6 parts of 32 B", 200000, 32, 6, "strings", 1.5)
compare("10 parts of 32 B", 100000, 32, 10, "strings", 1.5)
compare("32 B as frames", 300000, 32, 1, "frames", 4)
compare("3 parts of 32 B as views", 300000, 32, 3, "view", 1.5)
compare("10 parts of 32 B as views", 100000, 32, 10, "view", 1.5)
compare("1 KiB", 300000, 1024, 1, "strings", 1.8)
compare("1 KiB as views", 300000, 1024, 1, "view", 1.15)
compare("64 KiB", 20000, 65536, 1, "strings", 1.8)
compare("64 KiB as frames", 20000, 65536, 1, "frames", 1.05)
compare("64 KiB as views", 20000, 65536, 1, "view", 1.05)
compare("1 MiB", 2000, 1048576, 1, "strings", 1.8)
compare("1 MiB as frames", 2000, 1048576, 1, "frames", 1.5)
-- Frames that are dropped come to 16 MiB until the collector runs; then libc gives their pages
-- back to the kernel, at once, and libzmq takes new ones.
compare("1 MiB as frames, closed", 2000, 1048576, 1, "closed", 0.9)
compare("1 MiB as views", 2000, 1048576, 1, "view", 0.9)

return benchmark
