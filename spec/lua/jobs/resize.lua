-- What the workers of jobs_spec do.
local M = { most = 5 }

function M.add(a, b) return a + b end

function M.echo(...) return ... end

function M.count(...) return select("#", ...), ... end

function M.print(text)
  print("printed " .. text)
  io.stderr:write("complained " .. text .. "\n")
end

function M.boom() error("boom") end

function M.overflow() return 1 + M.overflow() end

function M.fail(err) error(err, 0) end

function M.bind()
  local socket = require("eddy.zmq").instance():socket(3)
  socket:bind("nonsense")
end

function M.sleep(seconds)
  os.execute("sleep " .. seconds)
  return seconds
end

function M.begin(path)
  io.open(path, "w"):close()
  os.execute "sleep 60"
end

function M.exit(code) os.exit(code) end

function M.program() return io.popen("readlink /proc/$PPID/exe"):read "*l" end

function M.kill() os.execute "kill -9 $PPID" end

function M.pid() return io.open("/proc/self/stat"):read "*n" end

function M.unsendable() return 1, print end

function M.future() return require("eddy").spawn(function() return "awaited" end) end

function M.path() return package.path end

return M
