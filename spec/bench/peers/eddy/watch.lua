-- The time of the calling thread, and of the wall, in ns.
local ffi = require "ffi"

ffi.cdef [[
  struct bench_timespec { long tv_sec, tv_nsec; };
  int clock_gettime(int clock, struct bench_timespec *time);
]]
local MONOTONIC, THREAD_CPUTIME = 1, 3
local time = ffi.new("struct bench_timespec")

local function read(clock)
  ffi.C.clock_gettime(clock, time)
  return tonumber(time.tv_sec) * 1e9 + tonumber(time.tv_nsec)
end

local M = {}

function M.cpu() return read(THREAD_CPUTIME) end

function M.start() return { cpu = read(THREAD_CPUTIME), wall = read(MONOTONIC) } end

-- Prints the times that one of `count` took since the start.
function M.tell(start, count)
  print(("cpu_ns=%.1f wall_ns=%.1f"):format((read(THREAD_CPUTIME) - start.cpu) / count,
    (read(MONOTONIC) - start.wall) / count))
end

return M
