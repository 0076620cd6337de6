-- What LuaJIT alone takes for a string of SIZE bytes that it has not got: to make it, read it by a
-- C function, and collect it, in a compiled loop. Also for `luajit`, which has less that lives.
-- usage: strings.lua LIBRARY [SIZE [COUNT]]   (LIBRARY: build/bench/sender.so, for the sum)
local ffi = require "ffi"
local watch = dofile((arg[0]:gsub("[^/]+$", "watch.lua")))

ffi.cdef "double bench_sum(const void *data, unsigned size);"
local library, size, count = arg[1], tonumber(arg[2] or 32), tonumber(arg[3] or 2000000)
local bench = ffi.load(library)
local bytes = ffi.new("uint64_t[?]", size / 8)

local function make()
  local sum = 0
  for i = 1, count do
    bytes[0] = i
    local text = ffi.string(bytes, size)
    sum = sum + bench.bench_sum(text, #text)
  end
  return sum
end

make()
local start = watch.start()
make()
watch.tell(start, count)
