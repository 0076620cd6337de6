-- Where sockets bind and connect: methods of eddy.socket's.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local access = require "eddy.zmq.access"
local bind_policy = require "eddy.security.bind_policy"
local constants = require "eddy.base.constants"
local explain = require "eddy.zmq.endpoint_text"
local option_types = require "eddy.zmq.option_types"
local sharing = later.require "eddy.zmq.sharing"
local socket_options = require "eddy.zmq.options"

local C = c.C

local NO_KEY = ("0"):rep(40) -- as libzmq tells of none

---@class eddy.Socket
local M = {}

-- What failed, with the endpoint; of a path that is too long, how long it may be.
local function what_failed(name, endpoint, result)
  local what = name .. " " .. endpoint
  if name == "bind" and result == -errors.numbers.ENODEV then
    return what .. ": no host or interface of that name"
  end
  if name == "connect" and result == -errors.numbers.EEXIST then
    return what .. ": another connection of the socket has its connect_routing_id"
  end
  if result == -errors.numbers.EMSGSIZE then return what .. ": " .. option_types.GARBLED end
  if result == -errors.numbers.EINVAL or result == -errors.numbers.EPROTONOSUPPORT then
    local problem = explain(endpoint, name)
    return problem and what .. ": " .. problem or what
  end
  if result ~= -errors.numbers.ENAMETOOLONG then return what end
  return ("%s: a path of %d bytes, at most %d are allowed"):format(what, #endpoint - #"ipc://",
    option_types.IPC_PATH_MAX_LEN)
end

local LONGEST = 1024 -- bytes of an endpoint; those of tcp and ipc are shorter

local function check_endpoint(endpoint, name)
  if type(endpoint) ~= "string" then
    errors.misuse(name .. ": expected an endpoint, got " .. type(endpoint))
  end
  if #endpoint > LONGEST then
    local what = ("%s %s...: an endpoint of %d bytes, at most %d are allowed"):format(name,
      endpoint:sub(1, 40), #endpoint, LONGEST)
    error(errors.new(errors.numbers.ENAMETOOLONG, what), 0)
  elseif endpoint:find "%z" then
    local what = ("%s %q: it has a zero byte"):format(name, endpoint)
    error(errors.new(errors.numbers.EINVAL, what), 0)
  end
end

local function endpoint_call(name)
  local call = C["eddy_socket_" .. name]
  return function(self, endpoint)
    check_endpoint(endpoint, name)
    local result = call(self._c, self:_open_id(name), endpoint)
    if result < 0 then errors.check(result, what_failed(name, endpoint, result)) end
  end
end

-- libzmq takes an IPv6 address without the option for a name that nobody has, and of a connect
-- says not even that.
local function check_ipv6(self, name, endpoint)
  check_endpoint(endpoint, name)
  -- Before a semicolon is the address to connect from.
  local host = endpoint:match("^tcp://.-([^;/]*):[^:]*$")
  if not host or not host:find(":", 1, true) or self:get("IPV6") ~= 0 then return end
  error(errors.new(errors.numbers.ENODEV, ("%s %s: an IPv6 address needs the option ipv6: set " ..
    "socket.ipv6 = true before it"):format(name, endpoint)), 0)
end

local bind, connect, disconnect = endpoint_call("bind"), endpoint_call("connect"),
  endpoint_call("disconnect")

-- Whether nobody can read along, and peers prove that they have a key.
local function is_curve(self)
  return self:get("MECHANISM") == constants.CURVE and self:get("CURVE_SECRETKEY") ~= NO_KEY
end

-- Whether a CURVE socket asks whose keys may come in; a client that is bound knows its server's.
local function is_choosy(self)
  if self._plan or self:get "CURVE_SERVER" == 0 then return true end
  local domain = self:get "ZAP_DOMAIN"
  return domain ~= "" and self:get "ZAP_ENFORCE_DOMAIN" == 1 or
    C.eddy_zap_answers(self._c, domain) == 1
end

-- Raises EACCES when the bind would let strangers in.
local function check_reach(self, endpoint)
  if self._insecure then return end
  local reach = bind_policy.reach(endpoint, self:get("IPV6") == 1)
  if not bind_policy.is_open(reach, self._numbers) then return end
  local is_encrypted = is_curve(self)
  if is_encrypted and is_choosy(self) then return end
  error(bind_policy.refusal(reach, endpoint, is_encrypted), 0)
end

-- What strangers may cost, where they can connect.
local function limit_strangers(self, endpoint)
  local reach = C.eddy_endpoint_reach(endpoint, self:get "IPV6")
  access.prepare_bind(self, reach ~= C.EDDY_REACHES_NOBODY)
  if reach == C.EDDY_REACHES_NOBODY then return end
  local own = self._own_limits or {}
  for name, value in pairs(socket_options.limits) do
    if not own[name] then self:set(name, value) end
  end
  rawset(self, "_own_limits", own)
end

--- Accepts connections at an endpoint ("tcp://127.0.0.1:5555", "ipc://path", "inproc://name").
-- A host's name is looked up. Raises with the endpoint in the text; EACCES where strangers could
-- come in: other machines, or other users, without CURVE, or with it and nobody who answers whose
-- keys may.
-- @return the endpoint as it is: "tcp://127.0.0.1:40123" for "tcp://127.0.0.1:*"
---@return string endpoint
function M:bind(endpoint)
  check_ipv6(self, "bind", endpoint)
  if type(endpoint) == "string" and self._id then
    check_reach(self, endpoint)
    limit_strangers(self, endpoint)
  end
  if C.eddy_worker_count() > 0 and self._id and type(endpoint) == "string" then
    sharing.bind(self, endpoint, bind)
  else
    bind(self, endpoint)
  end
  local bound = self:get("LAST_ENDPOINT")
  -- A name may have come to mean another address, and a descriptor (USE_FD) has its own.
  local ok, err = pcall(check_reach, self, bound)
  if ok then
    local owner = self._owner
    if owner and owner._bound then owner:_bound() end
    return bound
  end
  pcall(M.unbind, self, bound)
  error(err, 0)
end

--- unbind(endpoint): ends a bind.
--- Ends a bind.
M.unbind = endpoint_call("unbind")

--- Connects to an endpoint, now or as soon as somebody listens there.
function M:connect(endpoint)
  check_ipv6(self, "connect", endpoint)
  -- When async and green sockets are let in is heard from their first call on. Plain ones would
  -- wait for ever.
  local is_held = self._line_of and not self._owner and access.is_held_client(self)
  connect(self, endpoint)
  if is_held and not endpoint:find "^inproc:" then access.hold(self, true) end
  if self:get("RECONNECT_IVL") <= 0 then return end -- one that libzmq forgets when it ends
  if not self._connects then rawset(self, "_connects", {}) end
  self._connects[endpoint] = (self._connects[endpoint] or 0) + 1
  local owner = self._owner
  if owner and owner._connected then owner:_connected() end
end

--- Ends a connect.
function M:disconnect(endpoint)
  disconnect(self, endpoint)
  if self._connects then self._connects[endpoint] = nil end
end

-- Ends what fn was called within; it may have done that itself.
local function leave(self, ends, endpoint, ok, ...)
  if self._id then pcall(ends, self, endpoint) end
  if not ok then error((...), 0) end
  return ...
end

--- Binds for as long as fn(endpoint, ...) runs: unbinds when it has returned or raised.
---@param fn fun(endpoint: string, ...): ... called with the endpoint as `bind` returns it
-- @return its results
---@return any ...
function M:with_bind(endpoint, fn, ...)
  errors.check_function(fn, "with_bind")
  endpoint = self:bind(endpoint)
  return leave(self, self.unbind, endpoint, pcall(fn, endpoint, ...))
end

--- Connects for as long as fn(endpoint, ...) runs. As `with_bind`.
---@param fn fun(endpoint: string, ...): ...
---@return any ...
function M:with_connect(endpoint, fn, ...)
  errors.check_function(fn, "with_connect")
  self:connect(endpoint)
  return leave(self, self.disconnect, endpoint, pcall(fn, endpoint, ...))
end

--- Binds to a free port and returns it.
-- @param address the endpoint without its port: "tcp://127.0.0.1"
-- @param min, max the ports to choose from, both included; without them the system chooses
-- @param tries how many ports to try before EADDRINUSE is raised; 100 unless given
---@return integer port
function M:bind_to_random_port(address, min, max, tries)
  if not min then return tonumber(self:bind(address .. ":*"):match(":(%d+)$")) end
  max = max or 65535
  if type(min) ~= "number" or type(max) ~= "number" or min > max then
    errors.misuse(("bind_to_random_port: expected a range of ports, got %s to %s"):format(
      tostring(min), tostring(max)))
  end
  local function choose()
    for _ = 1, tries or 100 do
      local port = math.random(min, max)
      local ok, err = pcall(self.bind, self, address .. ":" .. port)
      if ok then return port end
      if err.name ~= "EADDRINUSE" then error(err, 0) end
    end
    error(errors.new(errors.numbers.EADDRINUSE, "bind_to_random_port " .. address), 0)
  end
  if C.eddy_worker_count() == 0 then return choose() end
  return sharing.bind_in_range(self, ("%s:%d-%d"):format(address, min, max), choose,
    function(port) self:bind(address .. ":" .. port) end)
end

return M
