-- Settings of a socket about who may come in, beside libzmq's options.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local accept = later.require "eddy.zmq.accept"
local askers = require "eddy.security.asker"
local curve = later.require "eddy.security.curve"
local message_limits = require "eddy.zmq.message_limits"
local notices = require "eddy.security.notices"
local policies = later.require "eddy.security.policy"
local revoked = later.require "eddy.security.revoked"
local sharing = later.require "eddy.zmq.sharing"

local C = c.C

local M = {}

local function check_insecure(value)
  if type(value) ~= "boolean" then
    errors.misuse("set insecure: expected a boolean, got " .. type(value))
  end
  return value
end

-- What the core has to say of peers is in the loop's log.
local function notice(socket)
  if not socket._is_noticed then notices.add() end
  rawset(socket, "_is_noticed", true)
  local loop = askers.loop()
  if loop then notices.attach(loop) end
end

-- Gives the socket the policy that its `curve`, its lists of numbers and the keys that were revoked
-- make together.
local function admit(socket, plan, numbers, what, keys)
  local policy = plan and curve.policy_of(plan) or policies.new()
  for name, list in pairs(numbers or {}) do
    for _, number in ipairs(list) do policy:allow_number(name, number) end
  end
  for key in pairs(keys or socket._revoked or {}) do policy:deny_key(key) end
  errors.check(C.eddy_socket_admit(socket._c, socket:_open_id(what), policy._c), what ..
    ": who may come in:", socket)
  local before = socket._asker
  if before then
    local its = before:loop()
    before:detach()
    if its and plan and plan.asker then plan.asker:attach(its) end
  end
  rawset(socket, "_asker", plan and plan.asker or false)
  notice(socket)
end

-- Those that never receive: when a connection ends, libzmq (4.3.4) throws away what came over it
-- with IMMEDIATE, and aborts when that is in the middle of a message.
local never_receives = { PUSH = true, PUB = true }

-- Nobody comes in before all is set: without its key a server is none that may be bound.
local function set_curve(socket, plan)
  if plan.server then
    socket:set("CURVE_SERVERKEY", plan.server)
    if never_receives[socket._type] then socket:set("IMMEDIATE", 1) end
  else
    admit(socket, plan, socket._numbers, "curve")
    socket:set("CURVE_SERVER", 1)
  end
  socket:set("CURVE_PUBLICKEY", plan.public)
  socket:set("CURVE_SECRETKEY", plan.secret)
  plan.secret = nil
  rawset(socket, "_plan", plan)
end

local function check_numbers(what)
  return function(value)
    local list = type(value) == "number" and { value } or value
    if type(list) ~= "table" or #list == 0 then
      errors.misuse(("set allow_%s: expected a number or a list of them, got %s"):format(what,
        type(value) == "table" and "an empty list" or type(value)))
    end
    for _, number in ipairs(list) do
      if type(number) ~= "number" or number % 1 ~= 0 or number < 0 or number >= 2 ^ 32 then
        errors.misuse(("set allow_%s: expected whole numbers, got %s"):format(what,
          tostring(number)))
      end
    end
    return list
  end
end

-- A peer must be on one of the lists.
local function set_numbers(what)
  return function(socket, list)
    local lists = { [what] = list }
    for name, other in pairs(socket._numbers or {}) do lists[name] = lists[name] or other end
    local plan = socket._plan and socket._plan.allow and socket._plan
    admit(socket, plan, lists, "allow_" .. what)
    rawset(socket, "_numbers", lists)
  end
end

---@class (exact) eddy.ContextSettings
---@field io_threads? integer a libzmq context of its own
---@class (exact) eddy.Curve
---@field secret string the own secret key, as text or as a file
---@field allow? eddy.Allow of a server: whom it lets in
---@field server? string of a client: the server's public key
---@alias eddy.Allow string|table<any, string>|fun(peer: eddy.Peer): any
---@class (exact) eddy.SocketSettings
---@field bind? string|string[]
---@field connect? string|string[]
---@field curve? eddy.Curve
---@field insecure? boolean may be bound where strangers come in
---@field accept? string[] networks from which connections are taken
---@field shared? boolean whether workers share the ports that it binds
---@field allow_uid? integer|integer[] over ipc, whose peers may come in
---@field allow_gid? integer|integer[] over ipc, whose peers may come in
---@field allow_pid? integer|integer[] over ipc, whose peers may come in
---@field max_parts? integer of a message, where strangers can connect (-1: any number)
---@field max_message? integer bytes of a message, where strangers can connect (-1: any number)

--- Each has what checks a value and returns it as it is taken, what gives it to a socket, and what
-- tells of it.
local settings = {
  insecure = {
    check = check_insecure,
    set = function(socket, value) rawset(socket, "_insecure", value) end,
    get = function(socket) return socket._insecure end,
  },
  accept = {
    check = function(value) return accept.check(value) end,
    set = function(socket, value) rawset(socket, "_accept", value) end,
    get = function(socket) return socket._accept or nil end,
  },
  shared = {
    check = function(value) return sharing.setting.check(value) end,
    set = function(socket, value) sharing.setting.set(socket, value) end,
    get = function(socket) return sharing.setting.get(socket) end,
  },
  -- Of keys it tells nothing.
  curve = {
    check = function(value) return curve.check(value) end, set = set_curve,
    get = function(socket)
      return socket._plan and (socket._plan.server and "client" or "server") or nil
    end,
  },
}
for _, what in ipairs { "uid", "gid", "pid" } do
  settings["allow_" .. what] = {
    check = check_numbers(what), set = set_numbers(what),
    get = function(socket) return socket._numbers and socket._numbers[what] end,
  }
end

M.settings = settings
for name, setting in pairs(message_limits.settings) do settings[name] = setting end

---@class eddy.Socket
M.methods = {}

-- The socket's plan, and its revoked keys when this one is among them or no more.
local function plan_of(socket, what)
  socket:_open_id(what)
  local plan = socket._plan
  if plan and plan.allow then return plan end
  errors.misuse(what .. ": the " .. socket._type .. " socket has no curve with allow")
end

local function set_revoked(socket, what, key, is_revoked)
  local plan = plan_of(socket, what)
  local keys = revoked.with(socket._revoked or {}, key, is_revoked)
  admit(socket, plan, socket._numbers, what, keys)
  rawset(socket, "_revoked", keys)
end

---@class (exact) eddy.Cut
---@field cut? boolean ends the connections of the key now, and all from their addresses

--- Keeps a key out of a socket that has a `curve` with `allow`, whatever that says, until
-- `readmit`.
---@param key string a public key, or its file
-- @return how many connections were ended
---@return integer connections
---@param how? eddy.Cut
function M.methods:revoke(key, how)
  local cut
  key, cut = revoked.check(key, how)
  set_revoked(self, "revoke", key, true)
  return cut and revoked.cut(self._c, self:get "ZAP_DOMAIN", key) or 0
end

--- Ends a `revoke`: the key may come in again, if `allow` lets it.
---@param key string
function M.methods:readmit(key)
  set_revoked(self, "readmit", (revoked.check(key)), false)
end

-- What these are given before a server lets them in would be lost with a connection that is
-- refused. A stream or a line of waiting calls holds them until then.
local may_be_held = { DEALER = true, REQ = true, PAIR = true }

--- Whether the socket is a client that is to be held until a server lets it in.
function M.is_held_client(socket)
  return socket._plan and socket._plan.server and may_be_held[socket._type] and
    socket:get "IMMEDIATE" == 0
end

--- Holds the socket, as if it had no connection, or ends that.
function M.hold(socket, on)
  errors.check(C.eddy_socket_hold(socket._c, socket:_open_id "curve", on and 1 or 0), "curve")
end

--- The socket is about to be bound.
-- @param is_open whether strangers can connect there
function M.prepare_bind(socket, is_open)
  message_limits.apply(socket, is_open)
  if socket._accept then accept.apply(socket, socket._accept) end
  if is_open then notice(socket) end
end

--- The setting of that name, in capitals or not: { check, set, get }; nil when there is none.
function M.find(name)
  return type(name) == "string" and settings[name:lower()] or nil
end

--- The socket is on this loop: what it asks, and what there is to log, is asked and logged there.
function M.attach(socket, loop)
  if socket._asker then socket._asker:attach(loop) end
  if socket._is_noticed then notices.attach(loop) end
end

--- The socket is closed.
function M.forget(socket)
  if socket._asker then socket._asker:detach() end
  if socket._is_noticed then notices.remove() end
  rawset(socket, "_is_noticed", false)
end

return M
