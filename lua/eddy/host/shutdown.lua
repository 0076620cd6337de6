-- The end of the host: what waits is sent as long as there is time, whoever could not send is
-- named, everything is closed. It is bounded, whatever scripts left behind.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local later = require "eddy.base.later"
local loops = require "eddy.loop"
local callback_errors = require "eddy.loop.callback_errors"
local ending = require "eddy.loop.ending"
local unfinished = later.require "eddy.loop.unfinished"
local watchdog = require "eddy.loop.watchdog"
local children = require "eddy.host.children"
local worker = require "eddy.host.worker"
local systemd = require "eddy.host.systemd"
local zmq = require "eddy.zmq"

local C, ffi = c.C, c.ffi

local OK, FAILED, INCOMPLETE = 0, 1, 75
local SIGPIPE = C.eddy_signal_number("PIPE")
local GRACE_MS = 750 -- for libzmq's end, beyond the time that is for draining
local LAST_MS = 250  -- beyond that: for finalizers, and for output that nobody reads

local PATIENCE_MS = 1000 -- for code of threads that are told to stop
local THREADS_MS = 250   -- for their end, and that of children, however short the time

local LEAST_MS = 50  -- for libzmq to hand over what its peers take at once, however short the time
local LINGER_MS = 10 -- an end of libzmq so much before that of the time is not one that gave up
local WRITTEN_BYTES, FRAME_BYTES = 8192, 2 -- what libzmq writes at once; what it adds to a part

local M = { OK = OK, FAILED = FAILED, INCOMPLETE = INCOMPLETE }

local complain = callback_errors.write

local host -- its functions
local firsts = {} -- what is called when the end begins
local has_failed = false -- one of these said so

-- A stream's counters; nil for what is no stream, and for one of the process that this one was
-- forked from.
local function stats_of(loop, target)
  local stats = ffi.new("eddy_stream_stats")
  if target.stats and target._id and
    C.eddy_stream_stats_get(loop._c, target._id, stats) >= 0 then return stats end
end

-- How many messages libzmq has at most, of those that it took from a stream, for each peer in
-- another process: as many as may wait for it, and those that it has put together to be written
-- at once, of which the first and the last may be there in part.
local function held(stream, stats)
  local ok, limit = pcall(stream.get, stream, "sndhwm")
  if not ok or limit == 0 then return stats.messages_out end
  local kind = stream:get("type")
  -- The first part of what these send is not written.
  local smallest = (kind == zmq.ROUTER or kind == zmq.STREAM) and 0 or stats.smallest_out
  local written = math.floor((WRITTEN_BYTES - 2) / (smallest + FRAME_BYTES)) + 2
  return math.min(stats.messages_out, limit + written)
end

-- The streams that have sent anything, or have messages waiting, and how many.
local function senders()
  local list = {}
  for loop in pairs(loops._all()) do
    for _, target in pairs(loop._c and loop._targets or {}) do
      local stats = stats_of(loop, target)
      if stats and (stats.queued > 0 or stats.messages_out > 0) then
        list[#list + 1] = { stream = target, loop = loop, name = tostring(target.name),
          waited = stats.queued }
      end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

-- What became of a stream's messages. Asked before it is closed, and told after that: then it is
-- known whether all of libzmq's could leave; but not where its linger ends before `ms` are over.
local function account(sender, ms)
  local stats = stats_of(sender.loop, sender.stream)
  local ok, linger = pcall(sender.stream.get, sender.stream, "linger")
  sender.left = stats and stats.queued or sender.waited
  sender.held = stats and held(sender.stream, stats) or 0
  sender.is_brief = ok and linger >= 0 and linger <= ms
end

local function tell(sender, is_out)
  local waited, left, kept = sender.waited, sender.left, sender.held
  -- Of what did not wait, what a short linger loses is the script's to know.
  if sender.is_brief and waited == 0 or is_out and not sender.is_brief then kept = 0 end
  local texts = {}
  if waited > 0 and left == 0 and kept == 0 then
    texts[1] = ("all %d messages that waited were sent"):format(waited)
  elseif waited > 0 then
    texts[1] = ("%d of %d messages that waited were sent, %d were not"):format(waited - left,
      waited, left)
  end
  if kept > 0 then
    texts[#texts + 1] = ("libzmq may have %d more for each peer"):format(kept)
  end
  if texts[1] then complain(sender.name .. ": " .. table.concat(texts, "; ")) end
end

-- The signal that stopped a loop, if one did.
local function signalled()
  for loop in pairs(loops._all()) do
    if loop._interrupted then return loop._interrupted end
  end
end

local QUIET_MS = 2000 -- after which an end that no signal asked for says what it waits for
local AGAIN = "; a second SIGINT or SIGTERM ends at once"

-- What an end that takes its time waits for.
-- @param ms how long at most
local function say(what, ms)
  complain(("up to %.1f s more for %s%s"):format(math.max(0, ms) / 1000, what, AGAIN))
end

--- For eddy.loop.ending: handlers and tasks do not end at once.
-- @param list what eddy.loop.unfinished has
function M.words(list, ms)
  local texts = {}
  for i, each in ipairs(list) do texts[i] = unfinished.text(each, true) end
  say(table.concat(texts, "; "), ms)
end

-- Sends what waits on a loop. Says so when that takes its time. Returns how many messages are left.
local function drain_loop(loop, deadline, said)
  local function left() return math.max(0, deadline - C.eddy_time()) end
  local brief = said.is_said and left() or math.min(left(), math.max(0, said.at - C.eddy_time()))
  local unsent = C.eddy_loop_drain(loop._c, brief)
  if unsent <= 0 or left() <= 0 then return math.max(0, unsent) end
  if not said.is_said then
    say(("%d message%s that wait%s"):format(unsent, unsent == 1 and "" or "s",
      unsent == 1 and "s" or ""), left())
  end
  said.is_said = true
  return math.max(0, C.eddy_loop_drain(loop._c, left()))
end

-- A context that is garbage is among no others any more, and its sockets stay open until it is
-- finalized: the collector may be just about to.
local function finalize_contexts()
  local known = 0
  for context in pairs(zmq._all()) do known = known + (context._c and 1 or 0) end
  if C.eddy_contexts() > known then collectgarbage() end
end

-- Closes all sockets, and frees all loops and contexts. They linger until `deadline`, or, without
-- one, as they would.
local function close_sockets(deadline)
  local function left() return deadline and math.max(0, deadline - C.eddy_time()) or -1 end
  finalize_contexts()
  -- First the sockets, with those of streams, which a loop would close with their own linger.
  for context in pairs(zmq._all()) do
    if context._c then C.eddy_context_close_sockets(context._c, left()) end
  end
  for _, all in ipairs { loops._all(), zmq._all() } do
    local each = {}
    for one in pairs(all) do each[#each + 1] = one end
    for _, one in ipairs(each) do one:_finish(left()) end
  end
end

-- Closes everything. True when libzmq had sent all that it
-- was given before `deadline`, when it gives up.
-- @param said what was said of an end that takes its time
local function close_all(deadline, said)
  close_sockets(deadline)
  local latest = deadline - LINGER_MS
  if not said.is_said and said.at < latest and C.eddy_shutdown(said.at) ~= 0 then
    say("what libzmq has to send", latest - C.eddy_time())
  end
  return C.eddy_shutdown(latest) == 0 and C.eddy_time() < latest
end

-- Waits for the threads that were told to stop. Returns whether they left something undone.
local function wait_for_threads(deadline, drain)
  local left, name, is_undone = host.threads_wait(math.max(deadline, C.eddy_time() + THREADS_MS))
  if left == 0 then return is_undone end
  complain(("thread %s%s did not end within %g ms: in a C function that does not return?"):format(
    name, left > 1 and (" and %d more"):format(left - 1) or "", drain))
  return true
end

-- Says what the loops that were to end in order left undone. Returns whether there was anything.
local function tell_unfinished()
  local is_undone = false
  for loop in pairs(loops._all()) do
    local list = (loop._interrupted or loop._is_ended) and (loop._left or unfinished.list(loop))
    for _, each in ipairs(list or {}) do
      complain(unfinished.text(each))
      is_undone = true
    end
  end
  return is_undone
end

-- Sends what waits on all loops. Returns how many messages are left.
local function send_queued(deadline, said)
  local unsent = 0
  for loop in pairs(loops._all()) do
    if loop._c then unsent = unsent + drain_loop(loop, deadline, said) end
  end
  return unsent
end

--- The end of a thread: what waits is sent for at most `drain` ms, and everything is closed, with
-- its own linger: the process goes on. Returns whether all was sent.
function M.finish_thread(drain)
  callback_errors.tell_repeats()
  local deadline = C.eddy_time() + drain
  children.ask()
  local unsent = send_queued(deadline, { is_said = true })
  children.await(deadline, complain)
  if unsent > 0 then
    complain(("%d message%s not sent within %.0f ms"):format(unsent,
      unsent == 1 and " was" or "s were", drain))
  end
  close_sockets()
  return unsent == 0
end

--- Has fn called when the process's end begins, before anything is closed. The exit code is 1 when
-- it returns false.
function M.first(fn) firsts[#firsts + 1] = fn end

-- Sends what waits on all loops for at most `drain` ms, closes everything, and says what was left
-- undone and what could not be sent. Returns whether there was anything, and the time at which
-- libzmq must have ended.
local function finish(drain)
  local first = firsts
  firsts = {}
  for _, fn in ipairs(first) do
    if fn() == false then has_failed = true end
  end
  if watchdog.on then watchdog.leave() end
  callback_errors.tell_repeats()
  C.eddy_page_keep()
  systemd.stopping(drain)
  local now, took = C.eddy_time(), 0
  for loop in pairs(loops._all()) do took = math.max(took, loop._end_took) end
  local deadline = now + math.max(0, drain - took)
  -- Nobody asked for an end that comes by itself, and waits for it.
  local patience = signalled() and ending.WORDS_MS or QUIET_MS
  local said = { is_said = took > patience, at = now + math.max(0, patience - took) }
  host.threads_stop(math.min(PATIENCE_MS, drain / 2), deadline)
  local is_undone = tell_unfinished()
  children.ask()
  local list, unsent = senders(), send_queued(deadline, said)
  is_undone = wait_for_threads(deadline, drain) or is_undone
  is_undone = children.await(math.max(deadline, now + THREADS_MS), complain) or is_undone
  local tells = unsent > 0 or signalled()
  local last = math.max(deadline, C.eddy_time() + LEAST_MS)
  for _, sender in ipairs(list) do account(sender, last - C.eddy_time()) end
  local is_out = close_all(last, said)
  if tells or not is_out then
    for _, sender in ipairs(list) do tell(sender, is_out) end
  end
  if unsent > 0 then
    complain(("%d message%s not sent within %g ms"):format(unsent,
      unsent == 1 and " was" or "s were", drain))
  elseif not is_out then
    complain(("what libzmq had left was not sent within %g ms"):format(drain))
  end
  -- What still lingers was closed by the script, and will not end by itself.
  if not is_out then return true, C.eddy_time() + LEAST_MS end
  return is_undone or unsent > 0, deadline + GRACE_MS
end

-- The process's own number for what os.exit is given.
local function number_of(code)
  return tonumber(code) or (code == false and FAILED or OK)
end

--- A script that calls os.exit loses no messages either, and it ends in time, too.
-- @param functions the host's
function M.replace_exit(drain, functions)
  local exit = os.exit
  host = functions
  os.exit = function(code) -- luacheck: ignore 122
    if code ~= nil and type(code) ~= "boolean" and not tonumber(code) then
      errors.misuse("exit: expected a number or a boolean, got " .. type(code))
    end
    local is_incomplete, deadline = finish(drain)
    if is_incomplete and (code == nil or code == true or code == OK) then code = INCOMPLETE end
    if has_failed then code = FAILED end
    host.exit_by(deadline + LAST_MS, number_of(code))
    C.eddy_shutdown(deadline)
    C.eddy_page_end(number_of(code))
    exit(code, true)
  end
end

--- Ends what a script left.
-- @param code the exit code so far
-- @return the exit code, and the time at which libzmq must have ended
function M.finish(drain, code)
  local signal = signalled()
  if signal then worker.signalled() end
  local failures, cut_off = loops._failures()
  local is_incomplete, deadline = finish(drain)
  -- What the signal cut off is no error of the script's.
  if signal and signal ~= SIGPIPE and cut_off > 0 then
    failures, is_incomplete = failures - cut_off, true
  end
  if code == OK and failures > 0 then code = FAILED end
  if code == OK and is_incomplete then code = INCOMPLETE end
  if code == OK and signal == SIGPIPE then code = 128 + SIGPIPE end
  return has_failed and FAILED or code, deadline
end

return M
