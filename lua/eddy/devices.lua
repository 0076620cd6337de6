--- Background devices: they relay messages between sockets, in threads that run C only.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local methods = require "eddy.base.methods"
local zmq = require "eddy.zmq"
local socket_options = require "eddy.zmq.options"
local proxy = require "eddy.zmq.proxy"

local C, ffi = c.C, c.ffi
local numbers = errors.numbers

---@class eddy.devices
local M = {}

local all = setmetatable({}, { __mode = "k" })

-- For reloads: the devices that were started.
function M._all() return all end

local KINDS = {
  [constants.QUEUE] = true, [constants.FORWARDER] = true, [constants.STREAMER] = true,
}
local SIDES = { "in", "out", "mon", "ctrl" }

--- A device is given the types of its sockets; `device.in_type`, `out_type`, `mon_type`,
-- `ctrl_type` and `device_type` have them and its kind. What it is told before `start` is kept;
-- `start` makes the sockets, in the context `zmq.instance()`, and a thread that relays between
-- them until `stop`, until the context is terminated, or until the program ends. The device
-- goes on when nobody holds it any more.
---@class eddy.Device
---@field device_type integer
---@field in_type integer
---@field out_type integer
---@field mon_type integer
---@field ctrl_type integer
---@field bind_in fun(self, endpoint: string) where `start` binds this socket
---@field bind_out fun(self, endpoint: string) where `start` binds this socket
---@field bind_mon fun(self, endpoint: string) where `start` binds this socket
---@field bind_ctrl fun(self, endpoint: string) where `start` binds this socket
---@field connect_in fun(self, endpoint: string) where `start` connects it
---@field connect_out fun(self, endpoint: string) where `start` connects it
---@field connect_mon fun(self, endpoint: string) where `start` connects it
---@field connect_ctrl fun(self, endpoint: string) where `start` connects it
---@field setsockopt_in fun(self, option: string|integer, value: any) what `start` sets
---@field setsockopt_out fun(self, option: string|integer, value: any) what `start` sets
---@field setsockopt_mon fun(self, option: string|integer, value: any) what `start` sets
---@field setsockopt_ctrl fun(self, option: string|integer, value: any) what `start` sets
---@field bind_in_to_random_port eddy.BindToRandomPort binds it now
---@field bind_out_to_random_port eddy.BindToRandomPort binds it now
---@field bind_mon_to_random_port eddy.BindToRandomPort binds it now
---@field bind_ctrl_to_random_port eddy.BindToRandomPort binds it now
---@alias eddy.BindToRandomPort
---| fun(self, address: string, min?: integer, max?: integer, tries?: integer): integer
local Device = {}
Device.__index = Device

function Device:__tostring()
  return self._kind .. (self._c and (self:done() and " (ended)" or " (running)") or "")
end

-- Raises unless the device has this side and has not been started.
local function check_side(self, side, what)
  if not self[side .. "_type"] then
    errors.misuse(("%s: the %s has no such socket"):format(what, self._kind))
  end
  if self._c then errors.misuse(what .. ": the " .. self._kind .. " is started already") end
end

local function check_started(self, what)
  if not self._c then errors.misuse(what .. ": the " .. self._kind .. " is not started") end
end

local function check_endpoint(endpoint, what)
  if type(endpoint) ~= "string" then
    errors.misuse(what .. ": expected an endpoint, got " .. type(endpoint))
  end
end

-- The side whose socket is this side's too: a device of one socket has but an in side.
local function owner_of(self, side)
  return side == "out" and self.out_type < 0 and "in" or side
end

-- The side's socket, opened when it is not yet.
local function open(self, side)
  local owner = owner_of(self, side)
  if not self._sockets[owner] then
    self._sockets[owner] = zmq.instance():socket(self[owner .. "_type"])
  end
  return self._sockets[owner]
end

-- Sets the options that the side's socket has not had.
local function set_options(self, side)
  local socket, plan = open(self, side), self._plans[side]
  for i = plan.set + 1, #plan.options do
    socket:set(plan.options[i].name, plan.options[i].value)
    plan.set = i
  end
end

-- Closes the sockets that are open before the start. A port that was chosen is bound again by
-- the next try.
local function close_all(self)
  for side, socket in pairs(self._sockets) do
    socket:close(0)
    self._sockets[side] = nil
  end
  for _, plan in pairs(self._plans) do
    plan.set = 0
    for _, bind in ipairs(plan.binds) do bind.done = false end
  end
end

for _, side in ipairs(SIDES) do
  --- `bind_in(endpoint)`, `bind_out`, `bind_mon`, `bind_ctrl`: where `start` binds this socket.
  Device["bind_" .. side] = function(self, endpoint)
    check_side(self, side, "bind_" .. side)
    check_endpoint(endpoint, "bind_" .. side)
    table.insert(self._plans[side].binds, { endpoint = endpoint, done = false })
  end

  --- `connect_in(endpoint)` and so on: where `start` connects it, after all binds.
  Device["connect_" .. side] = function(self, endpoint)
    check_side(self, side, "connect_" .. side)
    check_endpoint(endpoint, "connect_" .. side)
    table.insert(self._plans[side].connects, endpoint)
  end

  --- `setsockopt_in(option, value)` and so on: an option by name or number, which `start` sets
  -- before it binds.
  Device["setsockopt_" .. side] = function(self, option, value)
    check_side(self, side, "setsockopt_" .. side)
    socket_options.check_setting(option, value)
    table.insert(self._plans[side].options, { name = option, value = value })
  end

  --- `bind_in_to_random_port(address, min, max, tries)` and so on: binds this socket now, with
  -- the options set until now, and returns the port. As a socket's `bind_to_random_port`.
  Device["bind_" .. side .. "_to_random_port"] = function(self, address, min, max, tries)
    local what = "bind_" .. side .. "_to_random_port"
    check_side(self, side, what)
    check_endpoint(address, what)
    set_options(self, side)
    local port = open(self, side):bind_to_random_port(address, min, max, tries)
    table.insert(self._plans[side].binds, { endpoint = address .. ":" .. port, done = true })
    return port
  end
end

-- Does for all sides what was asked for: options, binds, then connects.
local function prepare(self)
  local sides = {}
  for _, side in ipairs(SIDES) do
    if self[side .. "_type"] then sides[#sides + 1] = side end
  end
  for _, side in ipairs(sides) do set_options(self, side) end
  for _, side in ipairs(sides) do
    for _, bind in ipairs(self._plans[side].binds) do
      if not bind.done then open(self, side):bind(bind.endpoint) end
      bind.done = true
    end
  end
  for _, side in ipairs(sides) do
    for _, endpoint in ipairs(self._plans[side].connects) do open(self, side):connect(endpoint) end
  end
end

local function start(self)
  prepare(self)
  local sockets = {}
  for side, socket in pairs(self._sockets) do
    sockets[side], self._names[side] = socket, tostring(socket)
  end
  sockets.out = open(self, "out")
  self._names.out = tostring(sockets.out)
  local device = proxy.new(self._kind, sockets, self._prefixes, self._front)
  local result = C.eddy_device_start(device)
  if result < 0 then
    error(proxy.failure(device, result, "start " .. self._kind, self._names), 0)
  end
  -- They are the thread's now.
  for side, socket in pairs(self._sockets) do
    socket:_closed()
    self._sockets[side] = nil
  end
  return device
end

--- Starts the device. Raises what is wrong with an option or endpoint (EADDRINUSE, with the
-- endpoint); then it can be started again.
function Device:start()
  if self._c then errors.misuse("start: the " .. self._kind .. " is started already") end
  local ok, device = pcall(start, self)
  if not ok then
    close_all(self)
    error(device, 0)
  end
  self._c, all[self] = device, true
end

--- Asks the device to end; what has come in still goes through if the other side takes it at
-- once. `join` waits for the end. Before the start it closes what is open.
function Device:stop()
  if not self._c then return close_all(self) end
  C.eddy_device_stop(self._c, C.EDDY_STOPPED)
end

--- Waits until the device has ended, whatever ends it; SIGINT and SIGTERM do.
---@param ms? number how long; nil, negative or infinite: for ever
-- @return true, or nil and an ETIMEDOUT error
---@return true? ok
---@return eddy.Error err
function Device:join(ms)
  check_started(self, "join")
  ms = errors.limit_of(ms, "join") or -1
  local result = proxy.guarded(self._c, "join " .. self._kind, C.eddy_device_wait, ms)
  if result ~= 0 then return true end
  return nil, errors.new(numbers.ETIMEDOUT, "join " .. self._kind)
end

-- What ended it, 0 while it runs.
local function result_of(self)
  return self._c and C.eddy_device_wait(self._c, 0) or 0
end

--- Whether the device has ended.
---@return boolean
function Device:done() return result_of(self) ~= 0 end

local in_order = {
  [C.EDDY_STOPPED] = "stopped",
  [C.EDDY_TERMINATED] = "told to TERMINATE",
  [-numbers.ETERM] = "the context was terminated",
  [-numbers.EINTR] = "interrupted by a signal",
}

--- The error that ended the device, which names the socket; nil while it runs, and when it was
-- ended in order.
---@return eddy.Error?
function Device:error()
  local result = result_of(self)
  if result == 0 or in_order[result] then return nil end
  return proxy.failure(self._c, result, self._kind, self._names)
end

--- Why the device ended, as a text; nil while it runs.
---@return string?
function Device:reason()
  local result = result_of(self)
  if result == 0 then return nil end
  return in_order[result] or self:error().message
end

--- Holds the device: messages wait in its sockets until `resume`.
function Device:pause()
  check_started(self, "pause")
  C.eddy_device_pause(self._c, 1)
end

--- Lets it go on.
function Device:resume()
  check_started(self, "resume")
  C.eddy_device_pause(self._c, 0)
end

local counts = { "in_received", "in_received_bytes", "in_sent", "in_sent_bytes", "out_received",
  "out_received_bytes", "out_sent", "out_sent_bytes", "dropped" }
local front_counts = { "workers", "credits", "queued", "in_hand", "retried", "lost" }

---@class eddy.DeviceStats
---@field in_received integer whole messages
---@field in_received_bytes integer
---@field in_sent integer whole messages
---@field in_sent_bytes integer
---@field out_received integer whole messages
---@field out_received_bytes integer
---@field out_sent integer whole messages
---@field out_sent_bytes integer
---@field dropped integer messages that a socket refused for what they were
---@field paused boolean
---@field workers? integer of a front
---@field credits? integer of a front
---@field queued? integer of a front
---@field in_hand? integer of a front
---@field retried? integer of a front
---@field lost? integer of a front

--- What went through until now, in whole messages and bytes, by socket and direction.
---@return eddy.DeviceStats
function Device:stats()
  check_started(self, "stats")
  local stats = ffi.new("eddy_device_stats")
  C.eddy_device_stats_get(self._c, stats)
  local result = { paused = stats.paused ~= 0 }
  for _, name in ipairs(counts) do result[name] = stats[name] end
  if self._front then
    local of_front = ffi.new("eddy_front_stats")
    C.eddy_device_front_stats_get(self._c, of_front)
    for _, name in ipairs(front_counts) do result[name] = of_front[name] end
  end
  return result
end

local type_limit = constants.STREAM

local function check_type(value, what, side)
  if type(value) ~= "number" or value % 1 ~= 0 or value < 0 or value > type_limit then
    errors.misuse(("%s: %s_type: expected a type such as zmq.ROUTER, got %s"):format(what, side,
      tostring(value)))
  end
end

-- Makes a device. The out type may be -1 when `single` says so.
local function new(kind, types, settings)
  local self = { _kind = kind, _plans = {}, _sockets = {}, _names = {}, _c = false,
    _prefixes = settings.prefixes, _front = settings.front,
    device_type = settings.device_type or constants.QUEUE, daemon = true }
  for _, side in ipairs(SIDES) do
    local value = types[side]
    local is_single = settings.single and side == "out" and type(value) == "number" and value < 0
    if value ~= nil and not is_single then check_type(value, kind, side) end
    self[side .. "_type"] = value
    self._plans[side] = { options = {}, set = 0, binds = {}, connects = {} }
  end
  return setmetatable(self, Device)
end

local function needed(value) return value == nil and "nil" or value end

local function optional(value, default)
  if value == false then return nil end
  return value == nil and default or value
end

--- A device between two sockets.
-- @param kind zmq.QUEUE, FORWARDER or STREAMER: what it is used as; it changes nothing
-- @param in_type, out_type the sockets' types (zmq.PULL ...); an out type of -1: messages go back
-- through the in socket
---@param in_type integer
---@param out_type integer
---@return eddy.Device
function M.device(kind, in_type, out_type)
  if not KINDS[kind] then
    errors.misuse("device: expected a kind such as zmq.QUEUE, got " .. tostring(kind))
  end
  return new("device", { ["in"] = needed(in_type), out = needed(out_type) },
    { device_type = kind, single = true })
end

--- A device with a monitor, which gets a copy of every message.
---@param mon_type? integer|false its type, zmq.PUB unless given; false: none
---@param in_type integer
---@param out_type integer
---@return eddy.Device
function M.proxy(in_type, out_type, mon_type)
  return new("proxy", { ["in"] = needed(in_type), out = needed(out_type),
    mon = optional(mon_type, constants.PUB) }, {})
end

--- A proxy that obeys a control socket. One message is one command: PAUSE, RESUME, TERMINATE,
-- or STATISTICS, which is answered with eight frames of a uint64_t each: messages and bytes
-- received by the in socket, sent by it, and the same of the out socket. Anything else is answered
-- with a text that begins with ERROR.
---@param ctrl_type? integer its type, zmq.PAIR unless given; REP and ROUTER answer every command
---@param in_type integer
---@param out_type integer
---@param mon_type? integer|false
---@return eddy.Device
function M.steerable(in_type, out_type, mon_type, ctrl_type)
  return new("steerable", { ["in"] = needed(in_type), out = needed(out_type),
    mon = optional(mon_type, constants.PUB), ctrl = ctrl_type or constants.PAIR }, {})
end

--- A proxy whose monitor gets each message after a prefix that tells where it came from. Between
-- two ROUTER sockets, sender and receiver change places.
-- @param in_prefix, out_prefix "in" and "out" unless given
---@param in_type integer
---@param out_type integer
---@param mon_type? integer|false
---@param in_prefix? string
---@param out_prefix? string
---@return eddy.Device
function M.monitored_queue(in_type, out_type, mon_type, in_prefix, out_prefix)
  return new("monitored_queue", { ["in"] = needed(in_type), out = needed(out_type),
    mon = mon_type or constants.PUB },
    { prefixes = proxy.prefixes("monitored_queue", in_prefix, out_prefix) })
end

-- What a front may be told, with what holds unless it is, and the least of it.
local front_settings = {
  retry = { 1, 0 }, queue = { 10000, 1 }, queue_bytes = { 64 * 2 ^ 20, 1 }, timeout = { 0, 0 },
  drain = { 1000, 0 }, shard = { -1, 1 },
}

local function front_plan(settings)
  errors.check_fields(settings, front_settings, "front")
  local plan = {}
  for name, rule in pairs(front_settings) do
    local value = settings[name]
    if value ~= nil and not (type(value) == "number" and value >= rule[2] and value < 2 ^ 31) then
      errors.misuse(("front: %s: expected a number of at least %d, got %s"):format(name, rule[2],
        errors.typed(value)))
    end
    plan[name] = value or rule[1]
  end
  local shard = settings.shard and plan.shard - 1 or -1
  return ffi.new("eddy_front_plan", { retries = plan.retry, queue = plan.queue,
    queue_bytes = plan.queue_bytes, timeout = plan.timeout, drain = plan.drain, shard = shard })
end

---@class (exact) eddy.FrontSettings
---@field retry? integer how often a request may go to another worker (1)
---@field queue? integer requests that may wait before clients are read no more (10000)
---@field queue_bytes? integer the same in bytes (64 MiB)
---@field timeout? number ms after which a worker that has not answered counts as gone; 0: never
---@field drain? number ms for which `stop` lets workers answer (1000)
---@field shard? integer requests whose frame of this number is the same go to the same worker

--- A device that hands the requests of clients (REQ or DEALER), which come to its in socket, to the
-- workers of `eddy.front` at its out socket: to the one that has been ready for longest. It keeps
-- a request until it is answered, and gives it to another worker when its own is gone.
---@param settings? eddy.FrontSettings
---@return eddy.Device
function M.front(settings)
  local plan = front_plan(settings or {})
  local device = new("front", { ["in"] = constants.ROUTER, out = constants.ROUTER },
    { front = plan })
  for _, side in ipairs { "in", "out" } do
    device["setsockopt_" .. side](device, constants.ROUTER_MANDATORY, 1)
  end
  device:setsockopt_out(constants.ROUTER_HANDOVER, 1)
  return device
end

methods(Device, "device")

return M
