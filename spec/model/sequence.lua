-- One sequence of random operations on a loop under a virtual clock, from outside and from
-- inside handlers, while calls of the core fail. What happens is told to the naive model.
local C, ffi = require "spec.support.room" "base/faults"
local eddy = require "eddy"
local naive = require "spec.model.reference_model"
local queue = require "spec.model.send_queue"
local zmq = require "eddy.zmq"

local LONG = 1e9 -- as many calls as there are
local MOST_LINKS, MOST_TURNS = 4, 400
local random = math.random

-- What may fail beneath an operation or a turn, and how.
local FAULTS = {
  { "ALLOC", 12 }, { "MSG_INIT", 12 },                 -- ENOMEM
  { "MSG_SEND", 11 }, { "MSG_SEND", 11 },              -- EAGAIN, before a message's first part
  { "MSG_SEND", 4 }, { "MSG_RECV", 4 }, { "ZMQ_GET", 4 }, { "EPOLL_WAIT", 4 }, -- EINTR
  { "MSG_RECV", 113 },                                 -- EHOSTUNREACH
}
local KINDS = {
  { "PUSH", "PULL" }, { "PAIR", "PAIR" }, { "DEALER", "DEALER" }, { "PULL", "PUSH" },
  { "REQ", "REP" }, { "REP", "REQ" },
}

local COPIES = { true, true, true, false, "view", "view" }

local names = 0
local stats = ffi.new("eddy_loop_stats")

local Sequence = {}
Sequence.__index = Sequence

local function chance(percent) return random(100) <= percent end

function Sequence:note(...)
  local words = { ... }
  for i, word in ipairs(words) do words[i] = tostring(word) end
  self.trace[#self.trace + 1] = table.concat(words, " ")
end

-- What every handler begins with: the model's clock.
function Sequence:enter()
  C.eddy_loop_stats_get(self.loop._c, stats)
  self.model.turn = stats.turns
  return self.loop:time()
end

-- What every handler ends with: it does anything, and may fail.
function Sequence:leave()
  if self.quiet then return end
  if chance(30) then self:act() end
  if chance(10) then
    self.model.errors = self.model.errors + 1
    self:note("raise")
    error("raised on purpose", 0)
  end
end

local function text_of(number, part) return number .. ":" .. part .. ("."):rep(number % 50) end

local function message(self, number)
  local parts, count = {}, number % 7 == 0 and number % 90 or 1 + number % 3
  for i = 1, self.is_single and 1 or count do parts[i] = text_of(number, i) end
  return parts
end

local operations = {}

-- An end of a link: a stream, the way out of it and the way in. `asked`: a REP's stream has a
-- request in hand.
local function on_recv(self, point)
  local kept
  return function(msg)
    self:enter()
    local first = msg[1]
    local text = tostring(first)
    if kept and pcall(tostring, kept) then
      error(point.name .. ": a view outlasts its handler", 0)
    end
    for i, part in ipairs(msg) do msg[i] = type(part) == "string" and part or part.bytes end
    local number = tonumber(msg[1]:match("^(%d+):1"))
    if self.fails and point.kind == "REQ" and msg[1] == "" then -- for an error reply that failed
      number = point.way_in.waiting[1]
      msg = message(self, number)
    end
    local got, sent = table.concat(msg, " "), number and table.concat(message(self, number), " ")
    if got ~= sent then error(("%s received %q, not %q"):format(point.name, got, sent), 0) end
    self:note("deliver", point.name, number)
    point.way_in:delivered(number)
    point.asked = true
    self:leave()
    if self.quiet and point.kind == "REP" then operations.send(self, point) end
    local is_there, now = pcall(tostring, first) -- a view is not, where memory to keep it failed
    if is_there and now ~= text then error(point.name .. ": a part has changed", 0) end
    kept = ffi.istype("eddy_view", first) and first or nil
  end
end

-- What a REP's stream sends when its handler fails: a message like any other, or none.
local function error_reply(self, point)
  return function()
    point.asked = chance(20) and not self.quiet -- also when it was discarded
    if point.asked then return false end
    local number = point.way_out:next()
    point.way_out:accepted(number)
    self:note("error reply", point.name, number)
    return message(self, number)
  end
end

function operations.open(self)
  if #self.points >= MOST_LINKS * 2 then return end
  names = names + 1
  local kind, endpoint = KINDS[random(#KINDS)], "inproc://model-" .. names
  local forth, back = self.model:way(), self.model:way()
  local points = {}
  for i = 1, 2 do
    points[i] = { name = names .. (i == 1 and "a" or "b"), kind = kind[i],
      way_out = i == 1 and forth or back, way_in = i == 1 and back or forth }
  end
  local settings = { linger = 0, sndhwm = random(0, 4), rcvhwm = random(0, 4) }
  local ok = pcall(function()
    points[1].socket = self.context:socket(zmq[kind[1]], settings)
    points[2].socket = self.context:socket(zmq[kind[2]], settings)
    points[1].socket:bind(endpoint)
    points[2].socket:connect(endpoint)
    for _, point in ipairs(points) do point.stream = eddy.stream(point.socket, self.loop) end
  end)
  self:note("open", points[1].name, kind[1], ok)
  if not ok then
    for _, point in ipairs(points) do
      if point.stream then point.stream:close(0) elseif point.socket then point.socket:close(0) end
    end
    return
  end
  for _, point in ipairs(points) do
    self.points[#self.points + 1] = point
    self.ways[#self.ways + 1] = point.way_out
    point.stream:on_err(function() self:enter() end)
    if point.kind == "REP" then point.stream:set_error_reply(error_reply(self, point)) end
    if chance(30) then
      local policy = ({ "error", "drop_newest", "drop_oldest" })[random(3)]
      local is_set = queue.set_limit(self, point, random(6), policy)
      point.way_out.drops = is_set and policy ~= "error"
    end
    if chance(80) then operations.resume(self, point) end
  end
end

local function any_point(self)
  local point = self.points[random(math.max(1, #self.points))]
  return point and not point.stream:closed() and point
end

function operations.resume(self, point)
  point = point or any_point(self)
  if not point or point.kind == "PUSH" then return end
  point.stream:on_recv(on_recv(self, point), COPIES[random(#COPIES)])
  point.way_in.paused = false
  self:note("resume", point.name)
end

function operations.pause(self)
  local point = any_point(self)
  if not point then return end
  point.stream:stop_on_recv()
  point.way_in.paused = true
  self:note("pause", point.name)
end

function operations.send(self, point)
  point = point or any_point(self)
  if not point or point.kind == "PULL" then return end
  local way = point.way_out
  local number = way:next()
  local reported = way.drops or chance(40)
  local opts = reported and { callback = function(_, err)
    self:enter()
    self:note("heard", point.name, number, err)
    way:heard(number, err)
    self:leave()
  end }
  local ok, sent = pcall(point.stream.send_multipart, point.stream, message(self, number), opts)
  self:note("send", point.name, number, ok and sent)
  if point.kind == "REP" and ok then
    if not point.asked then error("a reply without a request", 0) end
    point.asked = false
  end
  if ok and sent then way:accepted(number, reported) else way.sent = number end
end

function operations.burst(self)
  for _ = 1, random(12) do operations.send(self) end
end

function operations.close(self)
  local point = any_point(self)
  if not point then return end
  local lost = point.stream:close(chance(50) and 0 or nil)
  self:note("close", point.name, "lost", lost)
  point.way_out:sender_closed(lost)
  point.way_in:receiver_closed()
end

function operations.flush(self)
  local point = any_point(self)
  if not point or self.model.stopped then return end
  self:note("flush", point.name)
  local is_inner = self.model.flushing
  self.model.flushing = true
  local ok, err = pcall(point.stream.flush, point.stream, nil, random(5))
  self.model.flushing = is_inner
  if not ok then error(err, 0) end
end

function operations.discard(self)
  local point = any_point(self)
  if not point then return end
  local ok, count = pcall(point.stream.discard, point.stream, random(0, 5))
  self:note("discard", point.name, count)
  if ok ~= (point.kind ~= "PUSH") then error(count, 0) end
  if ok then point.way_in:thrown_away(count) end
end

function operations.callback(self)
  local callback = {}
  self.model:callback_queued(callback)
  self.loop:add_callback(function()
    self:enter()
    self.model:callback_called(callback)
    self:leave()
  end)
end

-- Starts one of the sequence's timers, new or old, or starts it anew.
function operations.timer(self)
  local slot = random(6)
  local timer = self.timers[slot]
  local now = self:enter()
  if timer then
    self.model:timer_stopped(slot)
    local ok = pcall(timer.start, timer)
    self:note("timer again", slot, ok)
    if ok then self.model:timer_started(slot, now + timer.ms, timer.period) end
    return
  end
  local ms = random(0, 20)
  local is_periodic = ms > 0 and chance(40)
  local ok, made
  ok, made = pcall(self.loop[is_periodic and "call_every" or "call_later"], self.loop, ms,
    function()
      local time = self:enter()
      self:note("fire", slot, time)
      local own = self.model:timer_fired(slot, time)
      local fine, err = pcall(self.leave, self)
      local is_again = is_periodic and made:active() and not self.model.timers[slot]
      if is_again then self.model:timer_again(slot, own, time) end
      if not fine then error(err, 0) end
    end)
  self:note("timer", slot, ms, is_periodic, ok)
  if not ok then return end
  made.ms, made.period = ms, is_periodic and ms
  self.timers[slot] = made
  self.model:timer_started(slot, now + ms, made.period)
end

function operations.cancel(self)
  local slot = random(6)
  if not self.timers[slot] then return end
  self:note("cancel", slot)
  self.timers[slot]:cancel()
  self.timers[slot] = nil
  self.model:timer_stopped(slot)
end

function operations.stop(self)
  if not self.loop:running() then return end
  self:note("stop")
  self.loop:stop()
  self.model.stopped = true
end

local ORDER = { "open", "close", "pause", "resume", "resume", "send", "send", "send", "burst",
  "open", "resume", "send", "burst", "burst", "timer", "timer", "cancel", "callback", "stop",
  "flush", "flush", "discard" }
for name, operation in pairs(queue.operations) do
  operations[name] = function(self)
    local point = any_point(self)
    if point and point.kind ~= "PULL" then operation(self, point) end
  end
  ORDER[#ORDER + 1] = name
end
table.sort(ORDER) -- the same for each seed

function Sequence:act()
  queue.check_alive(self.points)
  local name = ORDER[random(#ORDER)]
  operations[name](self)
  queue.check_alive(self.points)
end

local function fail_something(self)
  local fault = FAULTS[random(#FAULTS)]
  if fault[2] == 11 and not self.is_single then return end
  local times = fault[2] == 4 and random(20) or 1
  C.eddy__fault_plan(C["EDDY__FAULT_" .. fault[1]], random(0, 15), times, fault[2])
  self:note("fault", fault[1], fault[2])
end

local function forget_faults()
  for call = 0, tonumber(C.EDDY__FAULT_CALLS) - 1 do C.eddy__fault_plan(call, 0, 0, 0) end
end

-- Every turn looks at every idle socket: whatever no wake-up told of is counted.
local function watch_wakeups()
  C.eddy__fault_plan(C.EDDY__FAULT_SWEEP, 0, LONG, 1)
end

-- Runs the loop for so many turns, without ever waiting.
function Sequence:run(turns)
  local left = turns * 2 -- it is asked twice a turn
  self.model.stopped = false
  self.loop:_run_within(function()
    left = left - 1
    return left > 0 and 1e-4 or 0
  end)
end

local function check(condition, text) if not condition then error(text, 0) end end

-- Nothing fails any more and everybody listens: what has to happen, happens now.
local function settle(self)
  forget_faults()
  watch_wakeups()
  self.quiet = true
  for slot, timer in pairs(self.timers) do
    if timer.period then
      timer:cancel()
      self.model:timer_stopped(slot)
    end
  end
  for _, point in ipairs(self.points) do
    if not point.stream:closed() then
      if point.kind == "REP" and point.asked then operations.send(self, point) end
      operations.resume(self, point)
    end
  end
  local turns = 0
  repeat
    self:run(4)
    turns = turns + 4
    check(turns < MOST_TURNS, "what has to happen does not happen")
  until self.model:settled(self.ways) and not queue.waiting(self.tasks)
  queue.check_alive(self.points)
end

local function play(self)
  for _ = 1, random(2, 8) do
    for _ = 1, random(4) do self:act() end
    if self.fails and chance(40) then fail_something(self) end
    self:run(random(6))
  end
  settle(self)
  C.eddy_loop_stats_get(self.loop._c, stats)
  local missed = stats.missed_wakeups
  for _, point in ipairs(self.points) do
    if not point.stream:closed() then
      self.model.warnings = self.model.warnings + (point.stream:close(0) > 0 and 1 or 0)
    end
  end
  self.loop:close()
  check(not self.violation, self.violation)
  check(missed == 0 or self.is_broken, missed .. " wake-ups were missed")
  check(self.logged == self.model.errors + self.model.warnings, ("%d errors and %d warnings, but "
    .. "%d were logged"):format(self.model.errors, self.model.warnings, self.logged))
  return missed
end

local M = {}

--- Plays the sequence of a seed. Raises what went wrong, with the way to it.
-- @param options { fails = whether calls fail meanwhile, mutation = the rule to break }
-- @return what the loop counted: missed wake-ups, and messages delivered
function M.play(seed, options)
  math.randomseed(seed)
  local loop = eddy.loop.new()
  local self = setmetatable({
    loop = loop, context = zmq.instance(), model = naive(), trace = {}, logged = 0, quiet = false,
    is_single = chance(30), fails = options.fails, is_broken = options.mutation,
    points = {}, ways = {}, timers = {}, tasks = {},
  }, Sequence)
  loop._log = function(_, text)
    if text:find("raised on purpose", 1, true) or text:find("not sent", 1, true) then
      self.logged = self.logged + 1
    elseif not text:find("was not answered", 1, true) and
      not (self.fails and text:find("ENOMEM", 1, true)) then
      self.violation = self.violation or text
    end
  end
  C.eddy_loop_virtual_time(loop._c, 0)
  watch_wakeups()
  if options.mutation then C.eddy__fault_plan(C[options.mutation], 0, LONG, 1) end
  local ok, result = xpcall(play, debug.traceback, self)
  forget_faults()
  if ok then return result, self.model.delivered end
  for _, point in ipairs(self.points) do point.stream:close(0) end
  loop:close()
  error(("seed %d: %s\n%s"):format(seed, self.violation or result,
    table.concat(self.trace, "\n")), 0)
end

return M
