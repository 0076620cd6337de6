-- What was kept comes to the next generation without the functions of the one before. It comes back
-- as it was when the next one fails: what that did to it is undone, and what cannot be undone
-- (sends, closes) is done only when it takes over.
local C = require("eddy.base.libeddy").C
local backpressure = require "eddy.stream.backpressure"
local completions = require "eddy.stream.completions"
local inventory = require "eddy.reload.inventory"
local monitor = require "eddy.zmq.monitor"
local frames = require "eddy.zmq.frame"
local options = require "eddy.zmq.options"
local zmq = require "eddy.zmq"

-- What users set of a stream; nil is what its class has.
local FIELDS = { completions.REPORT, "_on_recv", "_fn", "_copy", "_on_send", "_early", "_on_err",
  "_on_close", "_on_full", "_on_drain", "_error_reply", "_concurrency", "_limit", "_budget",
  "_priority", "_keeps", "name" }
-- Of these, the functions.
local FUNCTIONS = { "_fn", "_on_err", "_on_close", "_on_full", "_on_drain" }
local TIMER_FIELDS = { "_fn", "_count", "_a", "_b", "_c", "_all", "_period", "_delay", "_jitter" }

local function copy(object, fields)
  local saved = {}
  for _, field in ipairs(fields) do saved[field] = rawget(object, field) end
  return saved
end

local function put_back(object, fields, saved)
  for _, field in ipairs(fields) do rawset(object, field, saved[field]) end
end

--- What is handed over in one reload.
local Handover = {}
Handover.__index = Handover

local M = {}

function M.new()
  return setmetatable({ undo = {}, later = {}, shadows = {}, has = {} }, Handover)
end

-- Puts a function before an object's method, for as long as the next generation is loaded.
local function shadow(self, object, name, fn)
  rawset(object, name, fn)
  table.insert(self.shadows, { object, name })
end

local function after(self, fn) table.insert(self.later, fn) end
local function undone_by(self, fn) table.insert(self.undo, fn) end

-- The core does what the stream's fields say.
local function sync(stream)
  local core, id = stream.loop._c, stream._id
  if not id then return end
  local receives = stream._on_recv and not stream._waiting
  C.eddy_stream_receive(core, id, receives and stream._receive or 0)
  C.eddy_stream_await_word(core, id, stream._on_send and 1 or 0)
  backpressure.on_drain(stream, stream._on_drain or nil)
end

local function restore_settings(stream, saved)
  local limit, budget, priority = stream._limit, stream._budget, stream._priority
  put_back(stream, FIELDS, saved)
  if not stream._id then return end
  stream:_relabel()
  if limit ~= saved._limit then stream:set_send_limit(saved._limit or {}) end
  if budget ~= saved._budget then stream:set_budget(saved._budget or C.EDDY_BUDGET) end
  if priority ~= saved._priority then stream:set_priority(saved._priority or 0) end
  stream._limit, stream._budget, stream._priority = saved._limit, saved._budget, saved._priority
end

local function give_events(self, stream)
  local reader = stream._events
  local heard = reader and reader._listeners.on_event
  if reader then reader._listeners.on_event = nil end
  undone_by(self, function()
    if stream._events and stream._events == reader then
      reader._listeners.on_event = heard
    elseif stream._events then
      monitor.listen(stream, "on_event", nil)
    end
  end)
  after(self, function()
    local now = stream._events
    if now and now == reader and not now._listeners.on_event then
      monitor.listen(stream, "on_event", nil)
    end
  end)
end

local function give_stream(self, stream)
  local saved = copy(stream, FIELDS)
  stream._on_recv = false
  completions.listen(stream, nil)
  for _, field in ipairs(FUNCTIONS) do stream[field] = nil end
  if inventory.is_own(saved._error_reply) then stream._error_reply = nil end
  undone_by(self, function()
    restore_settings(stream, saved)
    sync(stream)
  end)
  after(self, function() sync(stream) end)
  give_events(self, stream)
  for _, name in ipairs { "send", "send_multipart" } do
    local send = stream[name]
    shadow(self, stream, name, function(_, data, opts)
      stream:_check_open(name)
      if type(data) ~= "string" then data = frames.kept(data) end
      after(self, function() send(stream, data, opts) end)
      return true
    end)
  end
  local close = stream.close
  shadow(self, stream, "close", function(_, linger)
    after(self, function() close(stream, linger) end)
    return 0
  end)
end

local subscriptions = { SUBSCRIBE = "UNSUBSCRIBE", UNSUBSCRIBE = "SUBSCRIBE" }
local opposites = { unbind = "bind", connect = "disconnect", disconnect = "connect" }

local function give_socket(self, socket)
  local class_set, class_bind, class_close = socket.set, socket.bind, socket.close
  shadow(self, socket, "set", function(_, option, value)
    local known, name = pcall(options.option_name, option)
    local other = known and subscriptions[name]
    local has_value, before = pcall(socket.get, socket, option)
    class_set(socket, option, value)
    if other then
      undone_by(self, function() class_set(socket, zmq[other], value) end)
    elseif has_value then
      undone_by(self, function() class_set(socket, option, before) end)
    end
  end)
  shadow(self, socket, "bind", function(_, endpoint)
    local bound = class_bind(socket, endpoint)
    undone_by(self, function() socket:unbind(bound) end)
    return bound
  end)
  local connected = {}
  for name, other in pairs(opposites) do
    local method = socket[name]
    shadow(self, socket, name, function(_, endpoint)
      -- A second connection would bring everything twice.
      local is_known = socket._connects and socket._connects[endpoint]
      if name == "connect" and is_known and not connected[endpoint] then return end
      method(socket, endpoint)
      connected[endpoint] = true
      undone_by(self, function() socket[other](socket, endpoint) end)
    end)
  end
  shadow(self, socket, "close", function(_, linger)
    after(self, function() class_close(socket, linger) end)
  end)
end

local function give_timer(self, timer)
  local saved, was_active = copy(timer, TIMER_FIELDS), timer:active()
  undone_by(self, function()
    put_back(timer, TIMER_FIELDS, saved)
    if was_active and not timer:active() then timer:start() end
    if not was_active then timer:stop() end
  end)
end

--- Hands a thing of the inventory's over, with what belongs to it.
function Handover:give(thing, kind)
  if self.has[thing] then return end
  self.has[thing] = true
  if kind == "stream" then
    give_stream(self, thing)
    self:give(thing.socket, "socket")
  elseif kind == "socket" then
    self.has[rawget(thing, "_monitor") or thing] = true
    give_socket(self, thing)
  elseif kind == "timer" then
    give_timer(self, thing)
  end
end

--- The next generation has been loaded: methods are their classes' again.
function Handover:end_loading()
  for i = #self.shadows, 1, -1 do rawset(self.shadows[i][1], self.shadows[i][2], nil) end
end

--- Everything is as it was before.
-- @param failed fn(text), told of what cannot be undone
function Handover:give_back(failed)
  for i = #self.undo, 1, -1 do
    local ok, err = pcall(self.undo[i])
    if not ok then failed(tostring(err)) end
  end
end

--- The next generation has taken over.
-- @param failed fn(text), told of what it asked for and could not have
function Handover:settle(failed)
  for _, fn in ipairs(self.later) do
    local ok, err = pcall(fn)
    if not ok then failed(tostring(err)) end
  end
end

return M
