-- A Majordomo client, for tasks: asks for a service by its name, and again when no reply comes.
local eddy = require "eddy"
local green = require "eddy.green"
local protocol = require "majordomo.protocol"

local append = protocol.append

local Client = {}
Client.__index = Client

--- A client. It asks one thing at a time; tasks that share one wait for each other.
-- @param settings what a REQ socket takes (`connect`, `curve`)
-- @param options `timeout`: ms to wait for a reply, 2500 unless given; `tries`: 3 unless given. Who
--   tries more than once may be served more than once
function Client.new(settings, options)
  options = options or {}
  local self = setmetatable({
    settings = settings,
    timeout = options.timeout or 2500,
    tries = options.tries or 3,
    lock = eddy.lock(),
  }, Client)
  self:connect()
  return self
end

function Client:close() self.socket:close() end

-- A late reply to what was given up goes to the old socket, and is not taken for another's.
function Client:connect()
  if self.socket then self.socket:close(0) end
  self.socket = green.instance():socket(green.REQ, self.settings)
  self.socket.rcvtimeo = self.timeout
end

--- The reply of a service: a list of frames; or nil and an EAGAIN error when none came in time.
-- @param request a string, or a list of frames
function Client:call(service, request)
  local msg = append({ protocol.CLIENT, service },
    type(request) == "table" and request or { request })
  return self.lock:with(function()
    local reply, err
    for _ = 1, self.tries do
      self.socket:send_multipart(msg)
      reply, err = self.socket:recv_multipart()
      if reply then
        assert(reply[1] == protocol.CLIENT and reply[2] == service, "this is no reply by MDP 0.1")
        return append({}, reply, 3)
      end
      self:connect()
      if err.name ~= "EAGAIN" then break end -- the task is cancelled
    end
    return nil, err
  end)
end

return Client
