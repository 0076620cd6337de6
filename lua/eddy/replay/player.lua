-- `eddy --replay`: runs a program on what was recorded, and compares what it sends. Sockets neither
-- bind nor connect, and timers do not fire by themselves: in each turn of a loop, a feed gives it
-- what came in that turn when it was recorded, in the same order.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local completions = require "eddy.stream.completions"
local requests = require "eddy.stream.requests"
local difference = require "eddy.replay.difference"
local taps = require "eddy.replay.taps"
local directions = require "eddy.zmq.directions"
local constants = require "eddy.base.constants"
local frames = require "eddy.zmq.frame"
local options = require "eddy.zmq.options"
local Socket = require "eddy.zmq.socket"

local C = c.C

local NEVER = 1e15 -- ms

local M = {}

local number_of, around = taps.number_of, taps.around

-- What gives a loop its events.
local Feed = { _label = "the replay", _labelled = nil }
Feed.__index = Feed

function Feed:_describe() return self._label end

function Feed:_arm(at)
  local loop = self.loop
  if self._id then loop:_abandon(self._id) end
  at = at or C.eddy_loop_time(loop._c)
  self._id = errors.check(C.eddy_timer_open(loop._c, at, 0), "replay")
  loop._targets[self._id % 2 ^ C.EDDY_SLOT_BITS] = self
end

function Feed:_is_due(at)
  local event = self[at]
  return event and event.turn <= self.loop._turns
end

-- Runs what came in this turn. A handler may wait: whoever takes over has the feed handled again.
function Feed:_handle()
  local loop = self.loop
  local this = loop._run
  while self:_is_due(self.at) and not self.play.is_over do
    local event = self[self.at]
    self.at = self.at + 1
    local has_more = self:_is_due(self.at)
    if has_more then loop:_again() elseif self.at <= #self then self:_arm() end
    self.play:event(loop, event)
    if loop._run ~= this then return end
    if self.at > #self then self:_end() end
    if not has_more then return end
    if loop._stop then return end
    loop:_done()
  end
  if self.play.is_over then return end
  if self.at <= #self then self:_arm() else self:_end() end
end

-- Nothing more was recorded. Where a crash cut the recording off, nothing else would end the loop.
function Feed:_end()
  if not self.play.is_cut_off then return end
  if self.is_at_end then return self.loop:stop() end
  self.is_at_end = true
  self:_arm(NEVER)
end

local Play = {}
Play.__index = Play

-- Says what is different, and ends the run.
function Play:differs(text)
  if self.is_over then return end
  self.is_over, self.has_failed = true, true
  self.complain("replay: " .. text)
  for loop in pairs(self.loops) do loop:stop() end
end

local events = {}

function events.I(self, loop, event)
  local stream = self.streams[event.about]
  if not stream or not stream._id or not stream._on_recv then
    return self:differs(difference.receives(self, event, stream))
  end
  local msg = {}
  for i, part in ipairs(event) do msg[i] = stream._copy == true and part or frames.new(part) end
  loop._current = stream
  stream._on_recv(msg)
end

function events.T(self, loop, event)
  local timer = self.timers[event.about]
  if not timer or not timer._id or number_of(timer) ~= event.about then
    return self:differs(difference.fires(self, event))
  end
  if timer._period == 0 then C.eddy_timer_close(loop._c, timer._id) end
  loop._current, self.fires = timer, true
  timer:_handle()
end

function events.S(self, loop, event)
  local signal = loop._signals[event.about]
  if not signal then return self:differs(difference.signal(self, event)) end
  signal:_handle()
end

function events.G(_, loop, event)
  loop._interrupted, loop._stopped_by = event.about, event.about
  loop:_signalled(event.about)
end

function events.D(self, loop, event)
  local stream = self.streams[event.about]
  local sent = stream and self.sent[event.about]
  local entry = sent and table.remove(sent, 1)
  if not entry or not stream._id then return end
  loop._current = stream
  completions.tell(stream, entry, event[1] and taps.error_named(event[1], "send") or nil)
end

function events.E(_, loop) loop:stop() end

function Play:event(loop, event)
  local passed = event.ns / 1e6 - C.eddy_loop_time(loop._c)
  if passed > 0 then C.eddy_loop_advance(loop._c, passed) end
  events[event.kind](self, loop, event)
end

-- A stream sends: what it should, or there is a difference. Returns what it did then.
function Play:sends(stream, what, parts, callback)
  directions.check_sends(stream.socket, what, stream.name)
  if stream.socket._type == "REP" and not stream._open then
    error(requests.refusal(stream, what), 0)
  end
  local number = number_of(stream)
  local own = self.expected[number]
  local event = own and own[own.at]
  local found = difference.sends(self, stream, parts, event, own and own.at or 1)
  if found then
    self:differs(found)
    return true
  end
  own.at, self.compared = own.at + 1, self.compared + 1
  if event.kind == "o" then return nil, taps.error_named(event[#event], what) end
  if callback or stream._on_send or stream._early then
    local sent = self.sent[number] or {}
    self.sent[number], sent[#sent + 1] = sent, { parts, callback or false }
  end
  return true
end

local function sort(self, records)
  local start
  for _, record in ipairs(records) do
    local kind, about = record.kind, record.about
    if kind == "E" then self.is_cut_off = false end
    if kind == "B" then
      math.randomseed(tonumber(record[1]) or 0)
    elseif kind == "N" then
      self.names[about] = record[1]
    elseif kind == "V" and record[2] then
      local list = self.values[record[1]] or { at = 1 }
      self.values[record[1]], list[#list + 1] = list, record[2]
    elseif kind == "O" or kind == "o" then
      local list = self.expected[about] or { at = 1 }
      self.expected[about], list[#list + 1] = list, record
    elseif events[kind] and record.loop > 0 then
      local list = self.inputs[record.loop] or {}
      self.inputs[record.loop], list[#list + 1] = list, record
    end
    start = start or record.ns
  end
  self.start = start or 0
end

-- A loop comes up: it has what was recorded of it.
local function feed(self, number, loop)
  errors.check(C.eddy_loop_virtual_time(loop._c, self.start / 1e6), "replay")
  self.loops[loop] = true
  if self.is_over then loop:stop() end
  local own = self.inputs[number] or self.is_cut_off and {}
  if not own then return end
  own.loop, own.play, own.at, own._id = loop, self, 1, false
  setmetatable(own, Feed)
  own:_arm()
end

-- No socket reaches anybody; each has the endpoint that it had.
local function replace_endpoints(self)
  local endpoints = setmetatable({}, { __mode = "k" })
  function Socket.bind(socket, endpoint)
    local list = self.values.bind or { at = 1 }
    list.at = list.at + 1
    endpoints[socket] = list[list.at - 1] or endpoint
    return endpoints[socket]
  end
  function Socket.connect(socket, endpoint) endpoints[socket] = endpoint end
  for _, name in ipairs { "disconnect", "unbind" } do Socket[name] = function() end end
  -- What no stream sends is not compared; with nobody there, it would wait for ever.
  for _, name in ipairs { "send", "send_multipart" } do
    Socket[name] = function() return true end
  end
  function options.endpoint(socket) return endpoints[socket] end
  around(Socket, "get", function(get)
    return function(socket, option)
      local is_endpoint = option == constants.LAST_ENDPOINT or
        type(option) == "string" and option:upper() == "LAST_ENDPOINT"
      if is_endpoint then return endpoints[socket] or "" end
      return get(socket, option)
    end
  end)
end

local function replace(self)
  taps.number(function(kind, number, object)
    if kind == "loop" then feed(self, number, object) end
    if kind == "stream" then self.streams[number] = object end
    if kind == "timer" then self.timers[number] = object end
  end)
  around(taps.Timer, "_arm", function(arm)
    return function(timer) return arm(timer, NEVER) end
  end)
  -- One that is due by itself: nothing more was recorded.
  around(taps.Timer, "_handle", function(handle)
    return function(timer)
      if not self.fires then return timer._loop:stop() end
      self.fires = false
      return handle(timer)
    end
  end)
  taps.around_sends(function(name)
    return function(stream, data, opts)
      stream:_check_open(name)
      local is_one = name == "send"
      if is_one and type(data) ~= "string" then return stream:send_multipart({ data }, opts) end
      return self:sends(stream, name, taps.strings(is_one and { data } or data),
        opts and opts.callback)
    end
  end)
  taps.around_time(function(what)
    return function()
      local list = self.values[what]
      if not list then return self.start / 1e6 end
      list.at = list.at + 1
      return tonumber(list[list.at - 1] or list[#list])
    end
  end)
  replace_endpoints(self)
  taps.name_others(function(text) self.complain("--replay: " .. text) end)
end

--- Begins a replay, before the script runs.
-- @param records as eddy.replay.format has read them
-- @param complain called with a text
-- @return a function that ends it: it says what came of it, and returns whether all was the same
function M.begin(records, complain)
  local self = setmetatable({ complain = complain, names = {}, values = {}, expected = {},
    inputs = {}, streams = {}, timers = {}, sent = {}, compared = 0, fires = false,
    is_over = false, is_cut_off = true, has_failed = false,
    loops = setmetatable({}, { __mode = "k" }) }, Play)
  sort(self, records)
  replace(self)
  return function()
    if not self.has_failed then
      local left = difference.left(self)
      if left then self:differs(left) end
    end
    self.is_over = true
    if self.has_failed then return false end
    complain(("replay: the same: %d message%s sent as recorded"):format(self.compared,
      self.compared == 1 and " was" or "s were"))
    return true
  end
end

return M
