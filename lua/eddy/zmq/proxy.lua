-- Relaying between plain sockets, in the calling thread: proxies, devices, monitored queues.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local host = require "eddy.base.host"
local c = require "eddy.base.libeddy"
local waits = require "eddy.base.waits"
local poller = require "eddy.zmq.poller"

local C, ffi = c.C, c.ffi
local EINPROGRESS = errors.numbers.EINPROGRESS

local M = {}

--- The places of a device's sockets in its plan.
M.ends = { ["in"] = C.EDDY_IN, out = C.EDDY_OUT, mon = C.EDDY_MON, ctrl = C.EDDY_CTRL }

--- Calls a function that waits for a device, while the first SIGINT or SIGTERM stops that.
-- @param ms for how long, where the function takes that
function M.guarded(device, what, call, ms)
  local deadline = waits.deadline(ms)
  while true do
    if host.guard_device then host.guard_device(tonumber(ffi.cast("intptr_t", device))) end
    local result = ms and call(device, ms) or not ms and call(device)
    if host.release_device then host.release_device() end
    if result ~= -EINPROGRESS then return result end
    waits.go_on(what)
    ms = ms and waits.left(deadline)
  end
end

--- What a monitor gets before messages: "in" and "out", unless they are named. Raises unless
-- they are strings.
-- @return a list of both
function M.prefixes(what, in_prefix, out_prefix)
  local list = { in_prefix or "in", out_prefix or "out" }
  for i, prefix in ipairs(list) do
    if type(prefix) ~= "string" then
      errors.misuse(("%s: %s_prefix: expected a string, got %s"):format(what,
        i == 1 and "in" or "out", type(prefix)))
    end
  end
  return list
end

--- Makes the core's device.
-- @param sockets by "in", "out", "mon", "ctrl"; the last two may be nil
-- @param prefixes what the monitor gets before messages; nil: nothing
-- @param front the core's plan of a front; nil: it relays
function M.new(what, sockets, prefixes, front)
  local plan, made = ffi.new("eddy_device_plan"), ffi.new("eddy_device *[1]")
  for name, place in pairs(M.ends) do
    local socket = sockets[name]
    if socket then plan.contexts[place], plan.sockets[place] = socket._c, socket._id end
  end
  for i = 1, 2 do
    local prefix = prefixes and prefixes[i]
    plan.prefixes[i - 1], plan.prefix_sizes[i - 1] = prefix, prefix and #prefix or -1
  end
  -- What a ROUTER receives begins with its sender, what it sends with its receiver.
  plan.swaps = prefixes and sockets["in"].type == constants.ROUTER and
    sockets.out.type == constants.ROUTER and 1 or 0
  plan.front = front
  errors.check(C.eddy_device_new(plan, made), what)
  return ffi.gc(made[0], C.eddy_device_free)
end

--- The error of a device that failed, with the name of the socket that did.
-- @param names of the four sockets, by "in", "out", "mon", "ctrl"
function M.failure(device, result, what, names)
  local failed = C.eddy_device_failed(device)
  for name, place in pairs(M.ends) do
    if place == failed then what = what .. ": " .. tostring(names[name] or name) end
  end
  return errors.new(-result, what)
end

local roles = { "in", "out", "mon", "ctrl" }

local function check_socket(socket, what, role)
  if not poller.is_socket(socket) then
    errors.misuse(("%s: %s: expected a socket, got %s"):format(what, role, type(socket or nil)))
  end
  if not socket._id then
    error(errors.new(errors.numbers.ENOTSOCK, what .. ": " .. tostring(socket)), 0)
  end
end

local ended = { [-errors.numbers.EINTR] = true, [-errors.numbers.ETERM] = true }

-- Relays until something ends it.
local function run(what, sockets, prefixes)
  for _, role in ipairs(roles) do
    if sockets[role] ~= nil then check_socket(sockets[role], what, role) end
  end
  local device = M.new(what, sockets, prefixes)
  local result = M.guarded(device, what, C.eddy_device_run)
  if result > 0 then return true end
  if ended[result] then return nil, errors.new(-result, what) end
  error(M.failure(device, result, what, sockets), 0)
end

--- Relays messages between two sockets, both ways.
-- @param front, back sockets; the same one twice answers itself
-- @param capture a socket that gets a copy of every message, or nil
-- @return nil and an error when it ended: EINTR after a SIGINT or SIGTERM, which end it in
-- order, or ETERM when the context was terminated. The sockets stay open.
---@return nil
---@return eddy.Error err
function M.proxy(front, back, capture)
  return run("proxy", { ["in"] = front or false, out = back or false,
    mon = capture or nil })
end

--- The same, by PyZMQ's old name. The kind (zmq.QUEUE, FORWARDER, STREAMER) changes nothing.
-- @param back another socket; nil or -1 for `front` alone
---@return nil
---@return eddy.Error err
function M.device(kind, front, back) -- luacheck: no unused args
  if back == nil or back == -1 then back = front end
  return run("device", { ["in"] = front or false, out = back or false })
end

--- A proxy with a control socket, which brings the commands PAUSE, RESUME, TERMINATE and
-- STATISTICS. Returns true after TERMINATE.
---@param back eddy.Socket
---@param control eddy.Socket
---@return true? ok
---@return eddy.Error err
function M.proxy_steerable(front, back, capture, control)
  return run("proxy_steerable", { ["in"] = front or false, out = back or false,
    mon = capture or nil, ctrl = control or false })
end

--- A proxy whose monitor gets each message after a prefix, which tells where it came from.
-- Between two ROUTER sockets, sender and receiver change places.
---@param back eddy.Socket
---@param monitor eddy.Socket
---@param in_prefix? string
---@param out_prefix? string
---@return nil
---@return eddy.Error err
function M.monitored_queue(front, back, monitor, in_prefix, out_prefix)
  local prefixes = M.prefixes("monitored_queue", in_prefix, out_prefix)
  return run("monitored_queue", { ["in"] = front or false, out = back or false,
    mon = monitor or false }, prefixes)
end

return M
