-- A Majordomo broker: clients ask for a service by its name, workers say which one they are, and
-- the worker that has been idle for longest gets the next request. Nobody has to know how many
-- workers there are, nor where. It speaks MDP 0.1, so either may be in any language.
local eddy = require "eddy"
local protocol = require "majordomo.protocol"
local zmq = require "eddy.zmq"

local append = protocol.append

local Broker = {}
Broker.__index = Broker

--- Starts a broker on the current loop.
-- @param settings what a ROUTER socket takes (`bind`, `curve`)
-- @param options all optional: `heartbeat = 2500`: the ms between two; `liveness = 3`: how many an
--   idle worker may miss; `busy = 600000`: the ms that a worker may say nothing while it has a
--   request, as simple ones do nothing else meanwhile; `queue = 10000`: how many requests may wait
--   in all, and `patience = 60000`: for how many ms. Those that may not are dropped: their clients
--   ask again, as they must anyway
function Broker.start(settings, options)
  options = options or {}
  local self = setmetatable({
    workers = {}, -- by routing id
    services = {}, -- by name: requests that wait, workers that are idle, how many workers
    waiting = 0, -- requests of all services
    heartbeat = options.heartbeat or protocol.HEARTBEAT_MS,
    liveness = options.liveness or protocol.LIVENESS,
    busy = options.busy or 600000,
    queue = options.queue or 10000,
    patience = options.patience or 60000,
  }, Broker)
  self.stream = eddy.stream(zmq.instance():socket(zmq.ROUTER, settings))
  self.stream.name = "majordomo broker"
  self.stream:on_recv(function(msg) self:receive(msg) end)
  self.timer = eddy.loop.current():call_every(self.heartbeat, function() self:beat() end)
  return self
end

--- Tells all workers that it is gone, and closes its socket.
function Broker:close()
  self.timer:cancel()
  for id in pairs(self.workers) do self:tell(id, protocol.DISCONNECT) end
  self.stream:close { drain = 1000, linger = 1000 } -- for workers that have just left, in vain
end

function Broker:tell(id, command, frames)
  self.stream:send_multipart(append({ id, "", protocol.WORKER, command }, frames or {}))
end

-- What is none of either protocol is dropped.
function Broker:receive(msg)
  local empty = protocol.envelope_end(msg, 2)
  if not empty then return end
  if msg[empty + 1] == protocol.CLIENT and msg[empty + 2] then
    self:request(append({}, msg, 1, empty - 1), msg[empty + 2], append({}, msg, empty + 3))
  elseif msg[empty + 1] == protocol.WORKER and empty == 2 then
    self:command(msg[1], msg[4], msg)
  end
end

function Broker:service(name)
  local service = self.services[name]
  if not service then
    service = { name = name, requests = {}, idle = {}, workers = 0 }
    self.services[name] = service
  end
  return service
end

-- Names are what strangers chose: none is kept for nothing.
function Broker:tidy(service)
  if service.workers == 0 and not service.requests[1] then self.services[service.name] = nil end
end

-- A client's request. `client` is its envelope: with relays between, more than one frame.
function Broker:request(client, name, body)
  if name:find "^mmi%." then return self:reply(client, name, { self:about(name, body[1]) }) end
  if self.waiting == self.queue then return end
  local service, frames = self:service(name), append(append(client, { "" }), body)
  local expires = eddy.loop.current():time() + self.patience
  table.insert(service.requests, { frames = frames, expires = expires })
  self.waiting = self.waiting + 1
  self:dispatch(service)
end

function Broker:take_request(service)
  self.waiting = self.waiting - 1
  return table.remove(service.requests, 1).frames
end

-- What the broker answers itself: https://rfc.zeromq.org/spec/8
function Broker:about(name, about)
  if name ~= "mmi.service" then return "501" end
  local service = self.services[about]
  return service and service.workers > 0 and "200" or "404"
end

function Broker:reply(client, name, body)
  self.stream:send_multipart(append(append(client, { "", protocol.CLIENT, name }), body))
end

function Broker:command(id, command, msg)
  local worker = self.workers[id]
  if worker and command ~= protocol.READY then
    if command == protocol.HEARTBEAT then return self:heard(worker) end
    if command == protocol.DISCONNECT then return self:forget(worker) end
    local empty = command == protocol.REPLY and protocol.envelope_end(msg, 5)
    if empty and worker.is_busy then
      self:reply(append({}, msg, 5, empty - 1), worker.service.name, append({}, msg, empty + 1))
      return self:is_idle(worker)
    end
  elseif not worker and command == protocol.READY and msg[5] and not msg[5]:find "^mmi%." then
    worker = { id = id, service = self:service(msg[5]) }
    self.workers[id] = worker
    worker.service.workers = worker.service.workers + 1
    return self:is_idle(worker)
  end
  -- It takes itself for somebody whom we do not know, or breaks the protocol: it is to begin anew.
  if worker then self:forget(worker) end
  if command ~= protocol.DISCONNECT then self:tell(id, protocol.DISCONNECT) end
end

function Broker:heard(worker)
  local patience = worker.is_busy and self.busy or self.heartbeat * self.liveness
  worker.expires = eddy.loop.current():time() + patience
end

function Broker:is_idle(worker)
  worker.is_busy = false
  self:heard(worker)
  table.insert(worker.service.idle, worker)
  self:dispatch(worker.service)
end

function Broker:dispatch(service)
  while service.idle[1] and service.requests[1] do
    local worker = table.remove(service.idle, 1)
    worker.is_busy = true
    self:heard(worker)
    self:tell(worker.id, protocol.REQUEST, self:take_request(service))
  end
end

function Broker:forget(worker)
  local service = worker.service
  self.workers[worker.id] = nil
  service.workers = service.workers - 1
  for i, idle in ipairs(service.idle) do
    if idle == worker then table.remove(service.idle, i) break end
  end
  self:tidy(service)
end

-- What a table has may be set to nil while it is gone through.
function Broker:beat()
  local now = eddy.loop.current():time()
  for id, worker in pairs(self.workers) do
    if worker.expires < now then self:forget(worker) else self:tell(id, protocol.HEARTBEAT) end
  end
  for _, service in pairs(self.services) do
    local requests = service.requests
    while requests[1] and requests[1].expires < now do self:take_request(service) end
    self:tidy(service)
  end
end

return Broker
