-- The command `eddy metrics`: serves the counters of all processes over HTTP.
local arguments = require "eddy.commands.arguments"
local loops = require "eddy.loop"
local bind_policy = require "eddy.security.bind_policy"
local c = require "eddy.base.libeddy"
local server = require "eddy.exporter.server"
local zmq = require "eddy.zmq"

local C = c.C

local M = {}

local OK, FAILED, USAGE = 0, 1, 2

local function complain(text) io.stderr:write("eddy: metrics: ", text, "\n") end

local function parser()
  local made = arguments.parser("metrics", "Serves the counters of eddy's processes over HTTP: " ..
    "your own; root's has all. /metrics is for Prometheus, / for people, /healthz and /readyz " ..
    "for who has to know whether all is well.")
  if made then
    made:option "--listen":description "Where (127.0.0.1:9464); port 0: one that is free."
      :argname "HOST:PORT":default "127.0.0.1:9464":show_default(false)
    made:flag "--insecure":description "Also where other machines can reach it: everybody may read."
  end
  return made
end

-- The host and the port of "host:port" or "[::1]:port".
local function split(text)
  local host, port = text:match "^%[([%x:.]+)%]:(%d+)$"
  if not host then host, port = text:match "^([%w._-]+):(%d+)$" end
  port = tonumber(port)
  if host and port <= 65535 then return host, port end
end

local REFUSAL = [[
--listen %s: other machines can reach this, and the server lets everybody in.
Take one of
  --listen 127.0.0.1:%d  # this machine only
  --insecure  # everybody]]

-- Why it may not listen there; nil: it may.
local function refusal(options, host, port)
  if options.insecure then return nil end
  local shown = host:find ":" and "[" .. host .. "]" or host
  local reach = bind_policy.reach(("tcp://%s:%d"):format(shown, port), true)
  if reach == C.EDDY_REACHES_NOBODY then return nil end
  return REFUSAL:format(options.listen, port)
end

local function serve(options, host, port)
  local loop = loops.instance()
  -- Only here: its page is long, and its module not for every command.
  local routes = require "eddy.exporter.routes"
  local answer = routes.new(function() return C.eddy_time() end, {
    "version", c.ffi.string(C.eddy_version()), "libzmq", zmq.version(), "luajit", jit.version })
  local started, bound = server.start { host = host, port = port, answer = answer,
    complain = complain }
  if not started then
    complain(("--listen %s: %s"):format(options.listen, bound))
    return FAILED
  end
  print(("serving http://%s:%d/"):format(host:find ":" and "[" .. host .. "]" or host, bound))
  io.stdout:flush()
  for _, signal in ipairs { "INT", "TERM" } do
    loop:on_signal(signal, function() loop:stop() end)
  end
  loop:start()
  return OK
end

--- Runs the command.
-- @param args the arguments after its name
-- @return the exit code
function M.main(args)
  local options, code = arguments.read("metrics", parser(), args)
  if not options then return code end
  local host, port = split(options.listen)
  if not host then
    complain(("--listen: expected HOST:PORT, got '%s'"):format(options.listen))
    return USAGE
  end
  local problem = refusal(options, host, port)
  if problem then
    complain(problem)
    return FAILED
  end
  if not server.is_there() then
    complain "needs lua-http; on Debian: apt-get install lua-http"
    return FAILED
  end
  return serve(options, host, port)
end

return M
