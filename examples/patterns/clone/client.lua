-- A Clone client: has the same table as the server and all other clients, or a subtree of it.
local eddy = require "eddy"
local protocol = require "clone.protocol"
local zmq = require "eddy.zmq"

local Client = {}
Client.__index = Client

local SILENCE_MS = 3 * protocol.HUGZ_MS

--- Starts a client on the current loop. `values` is its table, `ready` a future that is done when
-- it has it all.
-- @param endpoints what `protocol.endpoints` returns
-- @param settings optional: `subtree`, such as "/shop/"; `on_change`, called with a key and its new
--   value, nil when it was deleted
function Client.start(endpoints, settings)
  settings = settings or {}
  local self = setmetatable({ values = {}, incoming = {}, sequence = 0, ready = eddy.future(),
    subtree = settings.subtree or "", on_change = settings.on_change or function() end }, Client)
  local function open(kind, options) return eddy.stream(zmq.instance():socket(kind, options)) end
  self.publisher = open(zmq.PUB, { connect = endpoints.collector })
  self.snapshot = open(zmq.DEALER, { connect = endpoints.snapshot })
  self.subscriber = open(zmq.SUB, { subscribe = { self.subtree, protocol.HUGZ } })
  -- A connection that is there again may be to a server that has begun anew.
  self.subscriber:on_event(function() self:join() end, zmq.EVENT_HANDSHAKE_SUCCEEDED)
  self.subscriber.socket:connect(endpoints.publisher)
  self.snapshot:on_recv(function(msg) self:take_snapshot(msg) end)
  self.timer = eddy.loop.current():call_every(SILENCE_MS, function()
    if self.is_silent then self:join() end
    self.is_silent = true
  end)
  self:join()
  return self
end

function Client:close()
  self.timer:cancel()
  for _, stream in ipairs { self.publisher, self.snapshot, self.subscriber } do stream:close() end
end

--- Tells the server to set a key, or with "" to delete it. The table changes when it has.
-- @param ttl the seconds after which it is deleted; nil: it stays
function Client:set(key, value, ttl)
  local properties = ttl and ("ttl=%g\n"):format(ttl) or ""
  return self.publisher:send_multipart { key, protocol.pack(0), "", properties, value }
end

-- Updates wait in the socket until the snapshot is there.
function Client:join()
  self.subscriber:on_recv(nil)
  self.snapshot:send_multipart { protocol.ICANHAZ, self.subtree }
end

function Client:take_snapshot(msg)
  if #msg ~= 5 or #msg[2] ~= 8 then return end
  self.is_silent = false
  if msg[1] ~= protocol.KTHXBAI then
    self.incoming[msg[1]] = msg[5]
    return
  end
  local before = self.values
  self.values, self.incoming, self.sequence = self.incoming, {}, protocol.unpack(msg[2])
  for key, value in pairs(self.values) do
    if before[key] ~= value then self.on_change(key, value) end
  end
  for key in pairs(before) do
    if not self.values[key] then self.on_change(key, nil) end
  end
  self.subscriber:on_recv(function(update) self:take_update(update) end)
  if not self.ready:done() then self.ready:set_result(self.values) end
end

function Client:take_update(msg)
  if #msg ~= 5 or #msg[2] ~= 8 then return end
  self.is_silent = false
  local key, sequence, value = msg[1], protocol.unpack(msg[2]), msg[5]
  if key == protocol.HUGZ or sequence <= self.sequence then return end -- it is in the snapshot
  self.sequence = sequence
  self.values[key] = value ~= "" and value or nil
  self.on_change(key, self.values[key])
end

return Client
