-- The first line of plain Lua, and its memory.
print "hello"
local file = assert(io.open "/proc/self/status")
print(("rss_mib=%.2f"):format(file:read("*a"):match "VmRSS:%s*(%d+) kB" / 1024))
file:close()
