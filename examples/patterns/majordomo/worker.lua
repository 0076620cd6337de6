-- A Majordomo worker: tells a broker its service, and answers one request after another.
local eddy = require "eddy"
local protocol = require "majordomo.protocol"
local zmq = require "eddy.zmq"

local append = protocol.append

local Worker = {}
Worker.__index = Worker

--- Starts a worker on the current loop, which goes on until `close`. When it has heard nothing from
-- the broker for some heartbeats, or is told to begin anew, it does.
-- @param service the name that clients ask for
-- @param handle called with the list of a request's frames; may wait; returns the reply, a string
--   or a list of frames. When it raises, the reply is one empty frame
-- @param settings what a DEALER socket takes (`connect`, `curve`)
-- @param heartbeat the ms between two, 2500 unless given
function Worker.start(service, handle, settings, heartbeat)
  local self = setmetatable({ service = service, handle = handle, settings = settings }, Worker)
  heartbeat = heartbeat or protocol.HEARTBEAT_MS
  self:connect()
  self.timer = eddy.loop.current():call_every(heartbeat, function()
    self.missed = self.missed + 1
    if self.missed > protocol.LIVENESS then return self:connect() end
    self:tell(protocol.HEARTBEAT)
  end)
  return self
end

--- Takes no more requests, and closes its socket.
function Worker:close()
  self.timer:cancel()
  self:tell(protocol.DISCONNECT)
  self.stream:close { drain = 1000 }
end

-- A new socket has a new identity, so that the broker does not take it for what it was before.
function Worker:connect()
  if self.stream then self.stream:close(0) end
  local stream = eddy.stream(zmq.instance():socket(zmq.DEALER, self.settings))
  stream.name = "majordomo worker of " .. self.service
  stream:set_concurrency(2) -- a request, and meanwhile heartbeats
  stream:on_recv(function(msg) self:receive(msg) end)
  self.stream, self.missed = stream, 0
  self:tell(protocol.READY, { self.service })
end

function Worker:tell(command, frames)
  self.stream:send_multipart(append({ "", protocol.WORKER, command }, frames or {}))
end

function Worker:receive(msg)
  if msg[1] ~= "" or msg[2] ~= protocol.WORKER then return end
  self.missed = 0
  if msg[3] == protocol.DISCONNECT then return self:connect() end
  local empty = msg[3] == protocol.REQUEST and protocol.envelope_end(msg, 4)
  if not empty then return end
  local stream = self.stream
  local ok, reply = xpcall(self.handle, debug.traceback, append({}, msg, empty + 1))
  if stream == self.stream and not stream:closed() then -- else the broker has forgotten it
    local frames = append({}, msg, 4, empty)
    self:tell(protocol.REPLY, append(frames, not ok and { "" } or type(reply) == "table" and reply
      or { reply }))
  end
  if not ok then error(reply, 0) end
end

return Worker
