-- Settings of a socket about who may come in, beside libzmq's options.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local askers = require "eddy.security.asker"
local curve = require "eddy.security.curve"
local notices = require "eddy.security.notices"
local policies = require "eddy.security.policy"

local C = c.C

local M = {}

local function check_insecure(value)
  if type(value) ~= "boolean" then
    errors.misuse("set insecure: expected a boolean, got " .. type(value))
  end
  return value
end

-- Gives the socket the policy that its `curve` and its lists of numbers make together.
local function admit(socket, plan, numbers, what)
  if not socket._is_noticed then notices.add() end
  rawset(socket, "_is_noticed", true)
  local policy = plan and curve.policy_of(plan) or policies.new()
  for name, list in pairs(numbers or {}) do
    for _, number in ipairs(list) do policy:allow_number(name, number) end
  end
  errors.check(C.eddy_socket_admit(socket._c, socket:_open_id(what), policy._c), what ..
    ": who may come in:", socket)
  if socket._asker then socket._asker:detach() end
  rawset(socket, "_asker", plan and plan.asker or false)
  local loop = askers.loop()
  if loop then notices.attach(loop) end
end

-- Nobody comes in before all is set: without its key a server is none that may be bound.
local function set_curve(socket, plan)
  if plan.server then
    socket:set("CURVE_SERVERKEY", plan.server)
    socket:set("IMMEDIATE", 1)
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

--- Each has what checks a value and returns it as it is taken, what gives it to a socket, and what
-- tells of it.
local settings = {
  insecure = {
    check = check_insecure,
    set = function(socket, value) rawset(socket, "_insecure", value) end,
    get = function(socket) return socket._insecure end,
  },
  -- Of keys it tells nothing.
  curve = {
    check = curve.check, set = set_curve,
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
