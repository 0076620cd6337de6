-- Lua for Jupyter: a kernel whose loop goes on between cells, so that timers, streams and tasks
-- live on, and code in a cell may wait. For Jupyter to find it:
--
--   folder=~/.local/share/jupyter/kernels/lua; mkdir -p $folder
--   ./examples/run jupyter_kernel spec > $folder/kernel.json
--   jupyter console --kernel lua
--
-- A cell that waits is interrupted by a signal, as Jupyter does it; one that computes, when it has
-- done so for ten seconds in one piece: `spec MS` says another limit, and a cell that is to take
-- longer may call `eddy.loop.set_watchdog(nil)`.
--
-- Without arguments, a front end in the same script has some cells run. Needs lua-luaossl and
-- lua-cjson.
local eddy = require "eddy"
local async = require "eddy.async"
local Kernel = require "jupyter.kernel"
local wire = require "jupyter.wire"
local json = require "cjson"

local LIMIT_MS = 10000

-- What Jupyter is to run for this kernel.
local function spec(limit)
  local function absolute(path)
    local pipe = assert(io.popen(("realpath -- %s"):format(path)))
    local found = pipe:read()
    pipe:close()
    return found
  end
  print(json.encode {
    argv = { absolute "/proc/$PPID/exe",
      absolute("'" .. arg[0]:gsub("'", "'\\''") .. "'"), "{connection_file}", limit },
    display_name = "Lua (eddy)", language = "lua", interrupt_mode = "signal",
  })
end

-- A front end, as Jupyter's are.
local function show()
  local connection = { transport = "inproc", ip = "jupyter", key = wire.random(16) }
  for i, name in ipairs { "shell", "iopub", "stdin", "control", "hb" } do
    connection[name .. "_port"] = i
  end
  Kernel.start(connection, LIMIT_MS)
  local lines = wire.new(connection.key)
  local context = async.instance()
  local iopub = context:socket(async.SUB, { connect = wire.endpoint(connection, "iopub"),
    subscribe = "" })
  local shell = context:socket(async.DEALER, { connect = wire.endpoint(connection, "shell") })
  for _, code in ipairs {
    "x = 6", "x * 7", "print(x, 'is what it was')", "eddy.sleep(10) return 'has waited'",
    "error 'wrong'",
  } do
    print("In:  " .. code)
    shell:send_multipart(lines:encode({}, "execute_request", { code = code })):await()
    local msg
    repeat
      msg = assert(lines:decode(iopub:recv_multipart():await()))
      local content = msg.content
      if msg.kind == "stream" then io.write(content.text) end
      if msg.kind == "execute_result" then print("Out: " .. content.data["text/plain"]) end
      if msg.kind == "error" then print(content.evalue) end
    until content.execution_state == "idle"
  end
  shell:close()
  iopub:close()
end

if arg[1] == "spec" then
  spec(arg[2])
elseif arg[1] then
  Kernel.start(wire.connection(arg[1]), tonumber(arg[2] or LIMIT_MS))
else
  show()
  eddy.loop.instance():stop_gracefully()
end
