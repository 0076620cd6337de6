-- The control socket, where the command or the environment asks for one.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local agent = require "eddy.control.agent"
local place = require "eddy.control.place"
local server = require "eddy.control.server"
local watchdog = require "eddy.loop.watchdog"
local program = require "eddy.reload.program"
local threads = require "eddy.thread"
local json = require "eddy.zmq.json"

local M = {}

-- Runs in the thread of the control socket.
local function serve(settings) require("eddy.control.server").run(settings) end

-- Opens it. Raises what is wrong.
local function open(settings, worker)
  json.check()
  local folder = not settings.path and place.folder()
  local own = settings.path and settings.path .. (worker and "." .. worker or "")
  local path = own or folder and place.path(folder, place.pid())
  if not path then error("there is no folder for it: give it a path", 0) end
  local channel = agent.open { endpoint = server.ENDPOINT, allows_eval = settings.allows_eval }
  watchdog._take_requests()
  local thread = threads.start({ serve, name = "control" },
    { path = path, user = c.C.eddy_user() })
  program.others[thread], program.others[channel] = true, true -- a reload leaves them alone
  local said = channel:recv_multipart()
  if not said then error("its thread does not begin", 0) end
  if said[2] ~= "" then error(said[2], 0) end
end

--- Opens the control socket.
-- @param settings what eddy.control.place read
-- @param worker the number of this worker, which a path of its own ends with; nil: it is none
-- @return what is wrong, or nil
function M.open(settings, worker)
  local ok, err = pcall(open, settings, worker)
  if not ok then return "--control: " .. errors.text_of(err) end
end

--- This loop runs now.
M.attach = agent.attach

return M
