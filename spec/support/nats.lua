-- nats-servers on the loopback interface, in temporary folders, for specs that need them.
local files = require "spec.support.files"
local folders = require "spec.support.folders"
local ports = require "spec.support.ports"

local M = {}

local function succeeds(command)
  local result = os.execute(command)
  return result == true or result == 0
end

--- Why specs of JetStream cannot run here; nil when they can.
function M.missing()
  if not succeeds "command -v nats-server >/dev/null 2>&1" then
    return "nats-server is not installed (on Debian: apt-get install nats-server)"
  end
  local library, problem = require("eddy.base.libeddy").extension "jetstream"
  return not library and "eddy was built without libnats: " .. problem or nil
end

local Server = {}
Server.__index = Server

local MOST_TRIES = 1000

-- Starts it again, with what it has stored.
function Server:start()
  os.remove(self.folder .. "/log")
  local pipe = assert(io.popen(("nats-server -c %s/conf >%s/log 2>&1 & echo $!"):format(
    self.folder, self.folder)))
  self.pid = tonumber(pipe:read "*l")
  pipe:close()
  for _ = 1, MOST_TRIES do
    local log = self:log()
    if log:find "Server is ready" then return self end
    if log:find "%[FTL%]" then break end
    os.execute "sleep 0.01"
  end
  error("nats-server does not start: " .. self:log())
end

function Server:log()
  local file = io.open(self.folder .. "/log")
  local text = file and file:read "*a" or ""
  if file then file:close() end
  return text
end

function Server:signal(name)
  os.execute(("kill -%s %d 2>/dev/null"):format(name, self.pid))
end

--- Ends it, by SIGTERM, and waits until it is gone.
function Server:stop() self:kill "TERM" end

--- Kills it and waits until it is gone.
function Server:kill(signal)
  if not self.pid then return end
  self:signal(signal or "KILL")
  while succeeds(("kill -0 %d 2>/dev/null"):format(self.pid)) and not self:is_zombie() do
    os.execute "sleep 0.005"
  end
  self.pid = nil
end

function Server:is_zombie()
  local file = io.open("/proc/" .. self.pid .. "/stat")
  local text = file and file:read "*a" or ") Z"
  if file then file:close() end
  return text:match "%) (%a)" == "Z"
end

function Server:remove()
  self:kill()
  folders.remove(self.folder)
end

--- Gives it its configuration; returns it.
function Server:configure(text)
  files.write(self.folder .. "/conf", text)
  return self
end

-- A server that has a folder and a port.
local function new(port)
  return setmetatable({ folder = folders.new(), port = port,
    url = "nats://127.0.0.1:" .. port }, Server)
end

--- Starts a server.
-- @param more lines of its configuration beside the port and JetStream
-- @param options { no_jetstream = true }
-- @return with `url`, `folder`, `port`
function M.start(more, name, options)
  local self = new(ports.free(1))
  local store = ("jetstream { store_dir: \"%s/store\" }\n"):format(self.folder)
  return self:configure(("listen: 127.0.0.1:%d\nserver_name: %s\n%s%s\n"):format(self.port,
    name or "one", options and options.no_jetstream and "" or store, more or "")):start()
end

--- Three servers in a cluster that has a leader.
function M.cluster()
  local p = { ports.free(6) }
  local servers = {}
  for i = 1, 3 do
    local server = new(p[i])
    servers[i] = server:configure(([[
listen: 127.0.0.1:%d
server_name: n%d
jetstream { store_dir: "%s/store" }
cluster {
  name: three
  listen: 127.0.0.1:%d
  routes: [nats://127.0.0.1:%d, nats://127.0.0.1:%d, nats://127.0.0.1:%d]
}
]]):format(p[i], i, server.folder, p[i + 3], p[4], p[5], p[6]))
  end
  for _, server in ipairs(servers) do server:start() end
  return servers
end

return M
