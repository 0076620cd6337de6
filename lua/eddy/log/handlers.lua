--- Where log records go: to subscribers, or to the standard error.
local errors = require "eddy.base.errors"
local mark = require "eddy.base.mark"
local formats = require "eddy.log.format"
local zmq = require "eddy.zmq"
local Socket = require "eddy.zmq.socket"

local M = {}

--- What handlers have in common. `handle(record)` is what a logger calls.
local Handler = {}

--- Sets a format: for one level, by number or name, or for all. See the reference.
function Handler:set_formatter(format, level) self._formats:set(format, level) end

--- Leaves out records below a level.
function Handler:set_level(level) self._level = formats.level_number(level, "set_level") end

local classes = {}

local function class(methods)
  for name, method in pairs(Handler) do methods[name] = method end
  methods.__index = methods
  classes[methods] = true
  return methods
end

--- Whether a handler is one of these, which take no more of a record than their formats have.
function M.is_own(handler)
  return classes[getmetatable(handler)] and rawget(handler, "handle") == nil
end

local with_place = "{level} {file}:{line} - {message}"

--- Publishes records as two frames: the topic "ROOT.LEVEL.SUB", and a line of text. Never
-- waits and never raises. Fields: `root_topic` (may be set), `socket`, `dropped` (how many
-- records the socket did not take).
local Pub = class {}

--- A handler that publishes.
-- @param where an endpoint, at which a new PUB socket is bound, or a socket or stream to use
-- @param settings { context = the new socket's, root_topic = "" }
function M.pub_handler(where, settings)
  settings = settings or {}
  local own = type(where) == "string"
  local target = where
  if own then
    target = (settings.context or zmq.instance()):socket(zmq.PUB, { bind = where })
  elseif not Socket.is(where) and not (type(where) == "table" and where.send_multipart) then
    errors.misuse("pub_handler: expected an endpoint, a socket or a stream, got " .. type(where))
  end
  return setmetatable({
    root_topic = settings.root_topic or "", socket = Socket.is(target) and target or target.socket,
    dropped = 0, _target = target, _own = own, _level = -math.huge,
    _formats = formats.formats("{message}",
      { [10] = with_place, [30] = with_place, [40] = with_place, [50] = with_place }),
  }, Pub)
end

local function topic_of(self, record)
  local topic, root = record.level_name, formats.text_of(self.root_topic or "")
  if root ~= "" then topic = root .. "." .. topic end
  if record.topic and record.topic ~= "" then topic = topic .. "." .. record.topic end
  return topic
end

function Pub:handle(record)
  if record.level < self._level then return end
  local target = self._target
  -- A socket that was put on a loop meanwhile: the stream keeps the order.
  local stream = Socket.is(target) and target._owner
  if stream and stream.send_multipart then target = stream end
  local flags = Socket.is(target) and zmq.DONTWAIT or nil
  local ok, sent = pcall(target.send_multipart, target,
    { topic_of(self, record), self._formats:apply(record, record.body) }, flags)
  if not (ok and sent) then self.dropped = self.dropped + 1 end
end

function Pub:__tostring() return "log handler of " .. tostring(self._target) end

--- Closes the socket, if the handler made it. Records that come after are dropped.
function Pub:close(linger)
  if self._own then self._target:close(linger) end
end

local Stderr = class {}

--- A handler that writes lines to the standard error.
function M.stderr_handler()
  return setmetatable({
    _level = -math.huge,
    _formats = formats.formats("{time} {level} {file}:{line} - {message}", {}),
  }, Stderr)
end

function Stderr.__tostring() return "log handler of the standard error" end

function Stderr:handle(record)
  if record.level < self._level then return end
  io.stderr:write(mark() .. self._formats:apply(record, record.text))
end

--- Does nothing; handlers have it.
function Stderr.close() end

return M
