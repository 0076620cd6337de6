--- Logging: loggers make records of what a script has to say, handlers take them further.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local mark = require "eddy.base.mark"
local file = require "eddy.log.file"
local formats = require "eddy.log.format"
local handlers = require "eddy.log.handlers"
local json = require "eddy.log.json"
local loggers = require "eddy.log.loggers"
local records = require "eddy.log.record"

---@class eddy.log
---@field DEBUG integer
---@field INFO integer
---@field WARN integer
---@field ERROR integer
---@field CRITICAL integer
local M = {
  DEBUG = 10, INFO = 20, WARN = 30, ERROR = 40, CRITICAL = 50,
  pub_handler = handlers.pub_handler, stderr_handler = handlers.stderr_handler,
  file_handler = file.handler, reopen = file.reopen, json_formatter = json.formatter,
}

-- The text of a message, and where in it the end of its topic is, if it has one.
local function text_of(message, ...)
  if type(message) == "table" then message = formats.head_of(message) end
  local text = formats.text_of(message)
  local has_topic = text:find("::", 1, true)
  if select("#", ...) > 0 then
    local ok, made = pcall(string.format, text, ...)
    text = ok and made or text .. " (" .. formats.text_of(made) .. ")"
  end
  return text, has_topic and text:find("::", 1, true)
end

local function hand_over(self, record)
  for _, handler in ipairs(self._handlers) do
    local ok, err
    if not handlers.is_own(handler) then records.complete(record) end
    if type(handler) == "function" then
      ok, err = pcall(handler, record)
    else
      ok, err = pcall(handler.handle, handler, record)
    end
    if not ok then
      io.stderr:write(("eddy: %sa log handler failed: %s\n"):format(mark(), formats.text_of(err)))
    end
  end
end

local function emit(self, level, topic, message, ...)
  if level < self._level then return end
  local text, split = text_of(message, ...)
  local fields = type(message) == "table" and formats.fields_of(message)
  local fields_text = fields and formats.fields_text(fields)
  if fields then text = text .. fields_text end
  local body = text
  if topic then
    if topic ~= "" then text = topic .. "::" .. text end
  elseif split then
    topic, body = text:sub(1, split - 1), text:sub(split + 2)
  end
  hand_over(self, records.new {
    level = level, level_name = formats.level_name(level), name = self.name,
    message = message, text = text, topic = topic, body = body, fields = fields or nil,
    fields_text = fields_text or nil,
  })
end

--- What both kinds of loggers have.
---@class eddy.CommonLogger
local Common = {}

--- Leaves out records below a level, by number or name.
---@param level string|integer
function Common:set_level(level) self._level = formats.level_number(level, "set_level") end

--- Whether records of a level are made.
---@param level string|integer
---@return boolean
function Common:enabled(level)
  return formats.level_number(level, "enabled") >= self._level
end

local function check_handler(handler, what)
  if type(handler) == "function" then return handler end
  if type(handler) == "table" and handler.handle then return handler end
  errors.misuse(what .. ": expected a handler or a function, got " .. type(handler))
end

--- Adds a handler: an object with `handle(record)`, or a function(record). An error in it is
-- told on the standard error, and costs nobody else anything.
---@param handler table|fun(record: eddy.Record)
function Common:add_handler(handler)
  self._handlers[#self._handlers + 1] = check_handler(handler, "add_handler")
end

--- Removes a handler. Unknown ones are ignored.
---@param handler table|fun(record: eddy.Record)
function Common:remove_handler(handler)
  for i = #self._handlers, 1, -1 do
    if self._handlers[i] == handler then table.remove(self._handlers, i) end
  end
end

---@class eddy.Logger: eddy.CommonLogger
---@field debug fun(self, message: any, ...: any)
---@field info fun(self, message: any, ...: any)
---@field warn fun(self, message: any, ...: any)
---@field error fun(self, message: any, ...: any)
---@field critical fun(self, message: any, ...: any)
local Logger = {}
---@class eddy.TopicLogger: eddy.CommonLogger
---@field debug fun(self, topic: string, message: any, ...: any)
---@field info fun(self, topic: string, message: any, ...: any)
---@field warn fun(self, topic: string, message: any, ...: any)
---@field error fun(self, topic: string, message: any, ...: any)
---@field critical fun(self, topic: string, message: any, ...: any)
local TopicLogger = {}
function Logger:__tostring() return errors.named("logger", self) end
function TopicLogger:__tostring() return errors.named("topic logger", self) end
Logger.__index, TopicLogger.__index = Logger, TopicLogger
for name, method in pairs(Common) do Logger[name], TopicLogger[name] = method, method end

--- Makes a record of any level, by number or name.
-- @param message anything that has a text; with more arguments, a format for them
---@param level string|integer
function Logger:log(level, message, ...)
  emit(self, formats.level_number(level, "log"), nil, message, ...)
end

--- As a logger's `log`, with a topic.
---@param level string|integer
function TopicLogger:log(level, topic, message, ...)
  emit(self, formats.level_number(level, "log"), formats.text_of(topic), message, ...)
end

for _, class in ipairs { Logger, TopicLogger } do methods(class, "log") end

local function add_methods(name, number)
  local method = name:lower()
  Logger[method] = function(self, message, ...)
    errors.check_self(self, method, "log")
    emit(self, number, nil, message, ...)
  end
  TopicLogger[method] = function(self, topic, message, ...)
    errors.check_self(self, method, "log")
    emit(self, number, formats.text_of(topic), message, ...)
  end
end

for _, name in ipairs { "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL" } do
  add_methods(name, M[name])
end

--- Adds a level of the script's own: all loggers have a method of its name in small letters.
---@param number integer
function M.add_level(name, number)
  if type(name) == "string" and (Common[name:lower()] or name == "LOG" or M[name]) then
    errors.misuse("add_level: " .. name .. " is taken")
  end
  formats.add_level(name, number)
  add_methods(name, number)
end

local function new(class, name, settings, what)
  if type(name) == "table" then name, settings = nil, name end
  settings = settings or {}
  if name ~= nil and type(name) ~= "string" then
    errors.misuse(what .. ": expected a name, got " .. type(name))
  end
  errors.check_fields(settings, { level = true, handlers = true }, what)
  local list = {}
  for i, handler in ipairs(settings.handlers or {}) do list[i] = check_handler(handler, what) end
  return loggers.add(setmetatable({
    name = name, _handlers = list,
    _level = formats.level_number(settings.level or M.DEBUG, what),
  }, class))
end

---@class (exact) eddy.LoggerSettings
---@field level? string|integer records below it are left out; log.DEBUG
---@field handlers? (table|fun(record: eddy.Record))[]
---@class eddy.Record
---@field level integer
---@field level_name string "INFO"
---@field name? string the logger's
---@field topic? string
---@field message any what the logger was given
---@field text string all of it, with topic and fields
---@field body string without the topic
---@field fields? table<any, any> the table that the message was
---@field fields_text? string how the text ends with them
---@field time number seconds since 1970
---@field file string where the logger was called
---@field line integer

--- A logger: `logger:info(message, ...)` and so on for each level. "sub.topic::text" is a
-- text with a topic for those handlers that have topics.
---@param name? string for formats; may be left out
---@param settings? eddy.LoggerSettings
---@return eddy.Logger
function M.logger(name, settings) return new(Logger, name, settings, "logger") end

--- A logger whose methods take the topic first: `logger:info(topic, message, ...)`.
---@param name? string
---@param settings? eddy.LoggerSettings
---@return eddy.TopicLogger
function M.topic_logger(name, settings)
  return new(TopicLogger, name, settings, "topic_logger")
end

return M
