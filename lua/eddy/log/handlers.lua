--- Where log records go: to subscribers, or to the standard error.
local errors = require "eddy.base.errors"
local mark = require "eddy.base.mark"
local methods = require "eddy.base.methods"
local formats = require "eddy.log.format"
local journal = require "eddy.base.journal"
local loops = require "eddy.loop"
local records = require "eddy.log.record"
local repeats = require "eddy.loop.repeats"
local zmq = require "eddy.zmq"
local Socket = require "eddy.zmq.socket"

local M = {}

--- What handlers have in common. `handle(record)` is what a logger calls.
---@class eddy.LogHandler
local Handler = {}

--- Sets a format: for one level, by number or name, or for all. See the reference.
---@param format string|fun(record: eddy.Record, text: string): string
---@param level? string|integer
function Handler:set_formatter(format, level) self._formats:set(format, level) end

--- Leaves out records below a level.
---@param level string|integer
function Handler:set_level(level) self._level = formats.level_number(level, "set_level") end

local classes = {}

--- A class of handlers.
function M.class(class)
  for name, method in pairs(Handler) do class[name] = method end
  class.__index = class
  classes[class] = true
  return class
end

--- Whether a handler is one of these, which take no more of a record than their formats have.
function M.is_own(handler)
  return classes[getmetatable(handler)] and rawget(handler, "handle") == nil
end

-- A record that tells of others like it.
local function summary_of(record, text)
  local copy = {}
  for key, value in pairs(record) do copy[key] = value end
  copy.text, copy.body, copy.time, copy.fields = text, text, os.time(), nil
  return copy
end

--- Makes a handler that writes lines, by its method `_put(line, level)`.
-- @param settings { level =, repeats = how many like each other it writes in a minute }
-- @param self its fields
function M.new(class, settings, what, self)
  errors.check_fields(settings, { level = true, repeats = true, hangup = self.path }, what)
  self._level = formats.level_number(settings.level or -math.huge, what)
  local limit = settings.repeats
  if limit ~= nil then repeats.check(limit, what .. ": repeats", "a number") end
  setmetatable(self, class)
  self._repeats = limit and repeats.new(limit, function(_, record) self:_write(record) end,
    function(text, record) self:_write(summary_of(record, text)) end) or false
  return self
end

function Handler:_write(record)
  local line, is_whole = self._formats:apply(record, record.text)
  self:_put(is_whole and line or mark() .. line, record.level)
end

function Handler:_tell()
  if self._repeats then self._repeats:tell() end
end

--- What a logger calls.
---@param record eddy.Record
function Handler:handle(record)
  if record.level < self._level then return end
  if not self._repeats then return self:_write(record) end
  self._repeats:put(loops.current(false), record.text, records.complete(record))
end

local with_place = "{level} {file}:{line} - {message}"

--- Publishes records as two frames: the topic "ROOT.LEVEL.SUB", and a line of text. Never
-- waits and never raises. Fields: `root_topic` (may be set), `socket`, `dropped` (how many
-- records the socket did not take).
---@class eddy.PubHandler: eddy.LogHandler
---@field root_topic string
---@field socket eddy.Socket
---@field dropped integer
local Pub = M.class {}

---@class (exact) eddy.PubSettings
---@field context? eddy.Context the new socket's
---@field root_topic? string what topics begin with

--- A handler that publishes.
---@param where string|eddy.Socket|eddy.Stream
-- an endpoint, at which a new PUB socket is bound, or a socket or stream to use
---@param settings? eddy.PubSettings
---@return eddy.PubHandler
function M.pub_handler(where, settings)
  settings = settings or {}
  errors.check_fields(settings, { context = true, root_topic = true }, "pub_handler")
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

---@param record eddy.Record
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

---@class eddy.StderrHandler: eddy.LogHandler
local Stderr = M.class {}

--- A handler that writes lines to the standard error.
---@param settings? eddy.HandlerSettings { level =, repeats = } as `new`; optional
---@return eddy.StderrHandler
function M.stderr_handler(settings)
  return M.new(Stderr, settings or {}, "stderr_handler", {
    _formats = formats.formats("{time} {level} {file}:{line} - {message}", {}),
  })
end

function Stderr.__tostring() return "log handler of the standard error" end

local function priority_of(level)
  if level >= 50 then return journal.CRITICAL end
  if level >= 40 then return journal.ERROR end
  if level >= 30 then return journal.WARNING end
  return level >= 20 and journal.INFO or journal.DEBUG
end

function Stderr._put(_, line, level)
  io.stderr:write(journal.lines(line, priority_of(level)))
end

--- Tells what was left out; handlers have it.
function Stderr:close() self:_tell() end

for _, class in ipairs { Pub, Stderr } do methods(class, "handler") end

return M
