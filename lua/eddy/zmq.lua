--- The plain, blocking layer over libzmq: contexts, sockets, constants.
local constants = require "eddy.base.constants"
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local methods = require "eddy.base.methods"
local waits = require "eddy.base.waits"
local curve_keys = require "eddy.security.curve_keys"
local frames = require "eddy.zmq.frame"
local json = later.require "eddy.zmq.json"
local monitor = later.require "eddy.zmq.monitor"
local option_types = require "eddy.zmq.option_types"
local socket_options = require "eddy.zmq.options"
local access = require "eddy.zmq.access"
local poller = later.require "eddy.zmq.poller"
local proxy = later.require "eddy.zmq.proxy"
local Socket = require "eddy.zmq.socket"

local C, ffi = c.C, c.ffi
local check = errors.check

---@class eddy.zmq
---@field context fun(settings?: eddy.ContextSettings): eddy.Context a context of its own
---@field instance fun(): eddy.Context the context of this Lua state
---@field poller fun(): eddy.Poller
---@field IPC_PATH_MAX_LEN integer
local M = {}

for name, value in pairs(constants) do M[name] = value end
for name, value in pairs(errors.numbers) do M[name] = value end
for name, fn in pairs(curve_keys) do M[name] = fn end

M.IPC_PATH_MAX_LEN = option_types.IPC_PATH_MAX_LEN

local context_options = { IO_THREADS = 1, MAX_SOCKETS = 1, SOCKET_LIMIT = 1, MAX_MSGSZ = 1,
  THREAD_SCHED_POLICY = 1, THREAD_PRIORITY = 1, IPV6 = 1, BLOCKY = 1 }
local context_numbers = {}
for name in pairs(context_options) do
  if constants[name] then context_numbers[constants[name]] = true end
end

--- A context makes sockets. `context.closed` tells whether it is terminated.
---@class eddy.Context
---@field closed boolean whether it is terminated
---@field io_threads integer
---@field max_sockets integer
local Context = {}

local function live(self, what)
  if self._closed then
    error(errors.new(errors.numbers.ENOTSUP, what .. ": the context is terminated"), 0)
  end
  return self._c
end

-- Sets the context's defaults; what this type of socket does not have is left out.
local function apply_defaults(socket, defaults)
  for name, value in pairs(defaults) do
    local ok, err = pcall(socket.set, socket, name, value)
    if not ok and not (option_types.special[name] and err.name == "EINVAL") then error(err, 0) end
  end
end

--- Makes a socket, with the context's default options.
---@param socket_type integer its type: zmq.REQ ...
---@param settings? eddy.SocketSettings
-- options by name, set first (`linger = 0`); then `subscribe`, `bind` and
-- `connect`, each one value or a list
---@return eddy.Socket
function Context:socket(socket_type, settings)
  local socket = Socket.open(self, live(self, "socket"), socket_type, self._class)
  self._sockets[socket] = true
  local ok, err = pcall(apply_defaults, socket, self._defaults)
  if ok and settings then ok, err = pcall(M._apply, socket, settings) end
  if ok then return socket end
  socket:close(0)
  error(err, 0)
end

local last = { "subscribe", "bind", "connect" }
local is_last = { subscribe = true, bind = true, connect = true }

function M._apply(socket, settings)
  if settings.curve ~= nil then socket:set("curve", settings.curve) end -- and its kin may be set
  for name, value in pairs(settings) do
    if not is_last[name] and name ~= "curve" then socket:set(name, value) end
  end
  for _, name in ipairs(last) do
    local values = settings[name]
    if type(values) ~= "table" then
      if values ~= nil then Socket[name](socket, values) end
    else
      for _, value in ipairs(values) do Socket[name](socket, value) end
    end
  end
end

--- Terminates the context: waits until what lingers in it is sent or given up. Its sockets
-- must be closed (EBUSY): nobody could close them while it waits.
function Context:term()
  if self._closed then return end
  local result = C.eddy_context_term(self._c)
  while result == -errors.numbers.EINTR do
    waits.go_on "term"
    result = C.eddy_context_term(self._c)
  end
  if result == -errors.numbers.EBUSY then
    local open = C.eddy_context_sockets(self._c)
    error(errors.new(-result, ("term: %d socket%s open; close %s, or call destroy"):format(open,
      open == 1 and " is" or "s are", open == 1 and "it" or "them")), 0)
  end
  check(result, "term")
  rawset(self, "_closed", true)
end

--- Closes the context's sockets and terminates it.
-- @param linger ms for which libzmq still tries to send what they have
function Context:destroy(linger)
  if self._closed then return end
  linger = errors.linger_of(linger)
  for socket in pairs(self._sockets) do socket:close(linger) end
  C.eddy_context_close_sockets(self._c, linger or -1)
  self:term()
end

local auth_stats = ffi.typeof "eddy_zap_stats"
local auth_results = { "allowed", "refused", "later", "malformed", "cut" }

---@class eddy.AuthStats
---@field allowed integer
---@field refused integer
---@field later integer to come again
---@field malformed integer requests that were none
---@field cut integer connections of revoked keys that were ended
---@field oversized integer of this process: ended in a message over max_parts or max_message

--- How handshakes ended until now that somebody was asked about, in the libzmq context, which
-- contexts share unless they have io_threads of their own.
---@return eddy.AuthStats
function Context:auth_stats()
  local stats, counts = auth_stats(), {}
  check(C.eddy_zap_stats_get(live(self, "auth_stats"), stats), "auth_stats")
  for _, name in ipairs(auth_results) do counts[name] = stats[name] end
  counts.oversized = C.eddy_limits_count()
  return counts
end

-- For the host, at its end: as destroy, but nothing is waited for.
function Context:_finish(linger)
  if not self._c then return end
  for socket in pairs(self._sockets) do
    if socket._id then socket:_closed() end
  end
  C.eddy_context_close_sockets(self._c, linger)
  ffi.gc(self._c, nil)
  C.eddy_context_free(self._c)
  rawset(self, "_closed", true)
  rawset(self, "_c", false)
end

-- The number of a context's option; or nil, and the name of a socket's.
local function option_of(name, what)
  local upper = type(name) == "string" and name:upper()
  if upper and context_options[upper] and constants[upper] then return constants[upper] end
  if upper == "HWM" or access.find(name) then return nil, upper end
  if context_numbers[name] then return name end
  local of_socket = socket_options.option_name(name)
  if of_socket then return nil, of_socket end
  if type(name) == "number" then return name end
  errors.misuse(("%s: a context has no option '%s'%s"):format(what, tostring(name),
    socket_options.nearest(name, context_options, Context)))
end

--- A context option's value, by name ("io_threads") or number (zmq.IO_THREADS). Of a socket
-- option, the default for sockets made from now on; nil when libzmq's holds.
---@param option string|integer
---@return any
function Context:get(option)
  local core = live(self, "get")
  local number, of_socket = option_of(option, "get")
  if not number then return self._defaults[of_socket == "HWM" and "SNDHWM" or of_socket] end
  return check(C.eddy_context_get(core, number), "get", option)
end

--- Sets a context option; or a socket option for all sockets made from now on that have it,
-- until it is nil.
---@param option string|integer
function Context:set(option, value)
  local core = live(self, "set")
  local number, of_socket = option_of(option, "set")
  if number then
    check(C.eddy_context_set(core, number, value), "set", option)
  elseif of_socket == "HWM" then
    self:set("SNDHWM", value)
    self:set("RCVHWM", value)
  else
    if value ~= nil and access.find(of_socket) then
      access.find(of_socket).check(value)
    elseif value ~= nil then
      value = select(3, socket_options.check_option(of_socket, value))
    end
    self._defaults[of_socket] = value
  end
end

methods(Context, "context")

local Instance = {}

function Instance.__index(self, key)
  local method = Context[key]
  if method ~= nil then return method end
  if key == "closed" then return self._closed end
  return self:get(key)
end

function Instance.__newindex(self, key, value)
  self:set(key, value)
end

function Instance.__tostring(self)
  if self._closed then return "context (closed)" end
  return "context (" .. C.eddy_context_sockets(self._c) .. " sockets)"
end

local all = setmetatable({}, { __mode = "k" })

local function new_context(settings, class)
  if settings ~= nil then errors.check_fields(settings, { io_threads = true }, "context") end
  local io_threads = settings and settings.io_threads or -1
  if type(io_threads) ~= "number" then
    errors.misuse("context: io_threads: expected a number, got " .. type(io_threads))
  end
  if settings and settings.io_threads and io_threads < 0 then
    error(errors.new(errors.numbers.EINVAL, "context: io_threads = " .. io_threads), 0)
  end
  local made = ffi.new("eddy_context *[1]")
  check(C.eddy_context_new(io_threads, made), "context")
  local self = setmetatable({
    _c = ffi.gc(made[0], C.eddy_context_free),
    _closed = false,
    _is_shared = io_threads < 0, -- the libzmq context
    _defaults = {},
    _class = class or false,
    _sockets = setmetatable({}, { __mode = "k" }),
  }, Instance)
  all[self] = true
  return self
end

-- For the host: all contexts.
function M._all() return all end

--- For modules whose contexts have sockets of another kind.
-- @param class what `Socket.class` made; plain sockets unless given
-- @return their `context` and `instance`
function M._contexts(class)
  local instance, born
  return function(settings) return new_context(settings, class) end, function()
    if not instance or instance.closed or born ~= C.eddy_forks() then
      instance, born = new_context(nil, class), C.eddy_forks()
    end
    return instance
  end
end

--- context(settings): a new context. All of a process share one libzmq context below, so that
-- inproc endpoints join their sockets; with `settings.io_threads` it gets one of its own.
-- instance(): the one context of this Lua state, made at the first call, and again after its
-- end.
M.context, M.instance = M._contexts()

--- libzmq's version: "4.3.4".
---@return string
function M.version()
  return ffi.string(C.eddy_zmq_version())
end

--- Whether libzmq has a capability: "ipc", "curve" ..., in small letters or capitals.
---@return boolean
function M.has(capability)
  if type(capability) ~= "string" then
    errors.misuse("has: expected a capability's name, got " .. type(capability))
  end
  return C.eddy_has(capability:lower()) == 1
end

--- The text of an errno.
---@param code integer
---@return string
function M.strerror(code)
  if type(code) ~= "number" then
    errors.misuse("strerror: expected a number, got " .. type(code))
  end
  return ffi.string(C.eddy_error_text(code))
end

--- A frame of a copy of a string, or on the same bytes as another frame.
-- @param data a string or a frame
-- @param track whether `frame.tracker` tells who uses the bytes
M.frame = frames.new

--- A tracker of all these trackers and tracked frames together.
M.tracker = frames.tracker

--- Whether a value is a frame.
M.is_frame = frames.is

--- Marks a table as a list, so that it is one in JSON also when it is empty; returns it.
M.json_list = later.call(json, "list")

--- A poller: waits for several sockets and descriptors.
M.poller = later.call(poller, "new")

--- select(readers, writers, failing, ms): waits for lists of sockets and descriptors.
---@param readers? eddy.What[]
---@param writers? eddy.What[]
---@param failing? eddy.What[]
---@param ms? number
---@return eddy.What[] readers
---@return eddy.What[] writers
---@return eddy.What[] failing
M.select = later.call(poller, "select")

--- Relays between sockets, and returns when it has ended: see eddy/zmq/proxy.lua.
M.proxy, M.device = later.call(proxy, "proxy"), later.call(proxy, "device")
M.proxy_steerable = later.call(proxy, "proxy_steerable")
M.monitored_queue = later.call(proxy, "monitored_queue")

--- Whether a value is a socket of this module.
M.is_socket = Socket.is

--- What a monitor's message says, and the same of the next message of a monitor's socket:
-- { event = number, name = "CONNECTED", value = n, endpoint = "tcp://..." }.
M.parse_monitor_message = later.call(monitor, "parse_monitor_message")
M.recv_monitor_message = later.call(monitor, "recv_monitor_message")

--- The names of all socket options.
---@return string[]
function M.option_names()
  local names = {}
  for name in pairs(option_types.kinds) do
    if constants[name] then names[#names + 1] = name:lower() end
  end
  table.sort(names)
  return names
end

return M
