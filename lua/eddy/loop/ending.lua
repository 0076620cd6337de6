-- The end of a loop in order: methods of a loop's. From its beginning on, what is on the loop
-- takes no new messages (`_loop_ends(ending)` of each target, `_loop_goes_on()` when the loop has
-- stopped), and the loop stops as soon as nothing is under way (eddy.loop.unfinished).
--
-- What else is to end in order with the loop (processes, threads) registers with `on_stop`: its
-- function runs in a task, before queues are sent, and may wait; with `await_rest` it does for all
-- else, as a link does with which others send. `_is_input` of a future's source
-- says that those who wait for it have nothing in hand; see eddy.async.waiters.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local methods = require "eddy.base.methods"
local signal = require "eddy.loop.signal"
local unfinished = later.require "eddy.loop.unfinished"
local futures = require "eddy.tasks.future"
local ownership = require "eddy.tasks.ownership"
local Task = require "eddy.tasks.task"

local C, ffi = c.C, c.ffi
local SIGPIPE = C.eddy_signal_number("PIPE")

local M = {
  methods = {},
  ms = 5000,    -- how long an end in order may take, unless told
  begun = false, -- the host's: begun(ms) is called when a signal has begun one
  words = false, -- the host's: words(list, ms) is called when one takes its time
  count = 0,    -- how many have begun
}
---@class eddy.Loop
local Loop = M.methods

M.WORDS_MS = 500 -- after which one takes its time

local LAST_MS, LAST_SHARE = 200, 0.25 -- that are left, at most, for what ends after all the rest

local Ending = {}
Ending.__index = Ending

--- What `on_stop` returns. `name` may be set, for messages to people.
---@class eddy.OnStop
local OnStop = {}
OnStop.__index = OnStop

function OnStop:_run(reason)
  local task = Task.new(self._loop, self._fn, reason)
  task._is_wanted, task.name = true, rawget(self, "name") or "on_stop"
end

--- The function is not called any more when the loop ends.
function OnStop:cancel()
  local list = self._loop._on_stop
  for i = #list, 1, -1 do
    if list[i] == self then table.remove(list, i) end
  end
end

function OnStop:_describe()
  return errors.named("on_stop", self) .. " (" .. errors.where(self._fn) .. ")"
end

OnStop.__tostring = OnStop._describe

--- Calls fn(reason) when the loop is to end in order, in a task, so that it may wait; there may be
-- several, which begin in their order and do not wait for each other. An error is logged, and the
-- end goes on.
---@param fn fun(signal: string?): ... its argument is the signal's name, "SIGTERM", or nil
-- @return a handle with `cancel`
---@return eddy.OnStop
function Loop:on_stop(fn)
  errors.check_function(fn, "on_stop")
  self:_core("on_stop")
  local handle = setmetatable({ _loop = self, _fn = fn }, OnStop)
  table.insert(self._on_stop, handle)
  if self._ending then handle:_run(self._ending.reason) end
  return handle
end

-- The messages that streams could not send, by name.
local function add_unsent(loop, list)
  for _, target in pairs(loop._targets) do
    local stats = ffi.new("eddy_stream_stats")
    local is_stream = target.stats and target._id and
      C.eddy_stream_stats_get(loop._c, target._id, stats) >= 0
    if is_stream and stats.queued > 0 then
      table.insert(list, { name = tostring(target.name), unsent = stats.queued })
    end
  end
end

-- Sends what waits, and tells those who wait for the end what was left undone.
local function conclude(self, is_stopped)
  if self.is_told then return end
  local loop = self.loop
  self.is_told = true
  local list = unfinished.list(loop)
  if self.drains and not is_stopped then
    local left = self.deadline and math.max(0, self.deadline - loop:time()) or -1
    C.eddy_loop_drain(loop._c, left == -1 and math.huge or left)
    add_unsent(loop, list)
  end
  self.future:_resolve(list)
end

-- The time is up. Those who wait for the end hear of it first.
local function expire(loop)
  local self = loop._ending
  if not self then return end
  self.is_late = true
  conclude(self)
  loop:add_callback(loop.add_callback, loop, loop.stop, loop)
end

-- Nothing else is under way, or there is not much time left. Whether anybody waited for that.
local function let_last(self)
  local rest = self.rest
  if not rest or rest:done() then return false end
  rest:_resolve(true)
  return true
end

local function set_last(self)
  if self.last_timer then self.last_timer:cancel() end
  if not self.rest or not self.deadline then return end
  local left = math.max(0, self.deadline - self.loop:time())
  self.last_at = self.deadline - math.min(LAST_MS, left * LAST_SHARE)
  self.last_timer = self.loop:call_at(self.last_at, let_last, self):unref()
end

--- Waits, in a function of on_stop's, until nothing else is under way, or most of the time is over.
-- @return how many ms may pass before that
function Ending:await_rest()
  if not self.rest then
    self.rest = futures.new(self.loop)
    self.rest._name, self.rest._is_end = "the end of all else", true
    set_last(self)
  end
  self.rest:await()
  return self.last_at and math.max(0, self.last_at - self.loop:time()) or math.huge
end

local function set_deadline(self, ms)
  local loop = self.loop
  local deadline = ms and loop:time() + ms
  if not deadline or self.deadline and self.deadline <= deadline then return end
  if self.timer then self.timer:cancel() end
  self.deadline = deadline
  self.timer = loop:call_later(ms, expire, loop):unref()
  set_last(self)
end

local function say(self)
  local list = M.words and self.reason and unfinished.list(self.loop) or {}
  if #list > 0 then M.words(list, self.deadline - self.loop:time()) end
end

-- Each target, in a list of its own: what is called may do anything to the loop.
local function each_target(loop, method)
  local list = {}
  for _, target in pairs(loop._targets) do
    if target[method] then list[#list + 1] = target end
  end
  for _, target in ipairs(list) do target[method](target, loop._ending) end
end

local function begin(loop, ms, reason)
  local self = loop._ending
  if not self then
    M.count = M.count + 1
    self = setmetatable({ loop = loop, number = M.count, reason = reason, began = C.eddy_time(),
      deadline = false, timer = false, last = false, rest = false, last_at = false,
      last_timer = false, is_told = false, is_late = false,
      is_left = false, drains = not reason, future = futures.new(loop) }, Ending)
    self.future._name, self.future._is_end = "the end of the loop", true
    loop._ending, loop._is_ended = self, true
    each_target(loop, "_loop_ends")
    for _, handle in ipairs { unpack(loop._on_stop) } do handle:_run(reason) end
    self.word = loop:call_later(M.WORDS_MS, say, self):unref()
  end
  set_deadline(self, ms)
  if reason and M.begun then M.begun(ms) end
  return self
end

---@class eddy.Left
---@field name string
---@field handlers? integer
---@field tasks? integer
---@field messages? integer that were received and not handled
---@field requests? integer of a REP, without an answer
---@field where? string|false where one of them waits
---@field unsent? integer messages that no socket took

--- Has the loop end in order: `on_stop`'s functions run; streams and sockets take no new messages;
-- handlers and tasks that are under way may end; then queues are sent, and the loop stops. A second
-- call does not begin anew, and may shorten the time.
---@param ms? number
-- how long all of that may take; the host's drain time (5 s) unless given, for ever
-- when it is negative or infinite
-- @return a future of what was left: a list, empty when all came to its end
---@return eddy.Future<eddy.Left[]>
function Loop:stop_gracefully(ms)
  self:_core("stop_gracefully")
  if ms == nil then ms = M.ms else ms = errors.limit_of(ms, "stop_gracefully") end
  return begin(self, ms).future
end

--- Whether an end in order has begun, for loops that would go on for ever.
---@return boolean
function Loop:stopping() return self._ending ~= false end

-- A signal is to end the loop.
function Loop:_signalled(number)
  -- Of SIGPIPE's nobody would hear what is done; a thread that is told to stop has its own end.
  if not M.words or number == SIGPIPE then return self:stop() end
  begin(self, M.ms, signal.name_of(number))
end

--- Whether nothing is under way any more, or nothing could end it, and all who wait for the end
-- have heard of it.
-- @param attended fn(loop): whether anything could wake those who wait
function Ending:is_over(attended)
  local loop = self.loop
  if loop._queued > 0 then return false end
  local under_way = not self.is_late and unfinished.any(loop, self)
  if under_way == "comes" or under_way and attended(loop) then return false end
  if not self.is_late and let_last(self) then return false end
  conclude(self)
  return loop._queued == 0
end

--- A handler has ended whose stream has further messages in hand.
function Ending:handled()
  if not self.deadline or self.loop:time() < self.deadline then return end
  conclude(self, true)
  self.loop:stop()
end

--- The loop runs no more: the end is over, unless the main program has what it waited for, and may
-- wait again.
function Ending:left(is_stopped)
  local loop = self.loop
  local what = loop._waiting[ownership.MAIN]
  if what and what:done() and not what._is_end then return end
  if not is_stopped and not self.is_told then return end
  conclude(self, true)
  loop._left = unfinished.list(loop)
  if self.timer then self.timer:cancel() end
  if self.last_timer then self.last_timer:cancel() end
  let_last(self)
  self.word:cancel()
  loop._end_took = C.eddy_time() - self.began
  loop._ending, self.is_left = false, true
  each_target(loop, "_loop_goes_on")
end

methods(OnStop, "handler")

return M
