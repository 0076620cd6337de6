-- A Clone server: keeps a table for everybody. Who comes is given a snapshot of all of it, or of a
-- subtree, and then hears of each change; anybody may change it.
local eddy = require "eddy"
local protocol = require "clone.protocol"
local zmq = require "eddy.zmq"

local Server = {}
Server.__index = Server

--- Starts a server on the current loop.
-- @param endpoints what `protocol.endpoints` returns
function Server.start(endpoints)
  local self = setmetatable({
    entries = {}, -- by key: { frames of the update that made it, timer }
    -- A server that begins anew goes on above what the one before has said.
    sequence = math.floor(eddy.now()) * 1000,
    is_quiet = true,
  }, Server)
  local function open(kind, endpoint, settings)
    settings = settings or {}
    settings.bind = endpoint
    return eddy.stream(zmq.instance():socket(kind, settings))
  end
  self.publisher = open(zmq.PUB, endpoints.publisher)
  self.collector = open(zmq.SUB, endpoints.collector, { subscribe = "" })
  self.snapshot = open(zmq.ROUTER, endpoints.snapshot)
  self.snapshot.name, self.publisher.name = "snapshot", "publisher"

  self.snapshot:on_recv(function(msg)
    if #msg ~= 3 or msg[2] ~= protocol.ICANHAZ then return end
    eddy.spawn(self.send_all, self, msg[1], msg[3])
  end)
  self.collector:on_recv(function(msg)
    if #msg == 5 and msg[1] ~= protocol.HUGZ then self:update(msg[1], msg[3], msg[4], msg[5]) end
  end)
  self.timer = eddy.loop.current():call_every(protocol.HUGZ_MS, function()
    if self.is_quiet then
      self.publisher:send_multipart { protocol.HUGZ, protocol.pack(0), "", "", "" }
    end
    self.is_quiet = true
  end)
  return self
end

function Server:close()
  self.timer:cancel()
  for _, entry in pairs(self.entries) do
    if entry.timer then entry.timer:cancel() end
  end
  for _, stream in ipairs { self.snapshot, self.collector, self.publisher } do stream:close() end
end

-- In a task, which waits for a client that reads slowly. What changes meanwhile is published with
-- a higher number.
function Server:send_all(client, subtree)
  local sequence, list = self.sequence, {}
  for key, entry in pairs(self.entries) do
    if key:sub(1, #subtree) == subtree then list[#list + 1] = entry end
  end
  for _, entry in ipairs(list) do
    self.snapshot:send_multipart { client, entry[1], entry[2], "", "", entry[5] }
  end
  self.snapshot:send_multipart { client, protocol.KTHXBAI, protocol.pack(sequence), "", "",
    subtree }
end

--- Sets a key, or deletes it when the value is empty, and tells everybody.
-- @param properties lines such as "ttl=10\n": deletes it after so many seconds
function Server:update(key, uuid, properties, value)
  local before = self.entries[key]
  if before and before.timer then before.timer:cancel() end
  if value == "" and not before then return end
  self.sequence, self.is_quiet = self.sequence + 1, false
  local entry = { key, protocol.pack(self.sequence), uuid, properties, value }
  self.publisher:send_multipart(entry)
  if value == "" then
    self.entries[key] = nil
    return
  end
  self.entries[key] = entry
  local ttl = tonumber(("\n" .. properties):match "\nttl=([%d%.]+)\n")
  if ttl and ttl > 0 then
    entry.timer = eddy.loop.current():call_later(ttl * 1000, function()
      self:update(key, "", "", "")
    end)
  end
end

return Server
