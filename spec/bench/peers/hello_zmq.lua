-- The first line of LuaJIT with a libzmq context, and its memory: what eddy cannot be less than.
local ffi = require "ffi"
ffi.cdef "void *zmq_ctx_new(void);"
local zmq = ffi.load "libzmq.so.5"
local context = zmq.zmq_ctx_new()
print "hello"
local file = assert(io.open "/proc/self/status")
print(("rss_mib=%.2f"):format(file:read("*a"):match "VmRSS:%s*(%d+) kB" / 1024))
file:close()
return context
