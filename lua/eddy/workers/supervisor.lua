-- The supervisor of `eddy --workers N`: starts the workers, starts those again that fail, replaces
-- them one by one at SIGHUP, and ends them together.
local callback_errors = require "eddy.loop.callback_errors"
local loops = require "eddy.loop"
local exits = require "eddy.workers.exits"
local ports = require "eddy.workers.ports"
local processes = require "eddy.workers.process"
local restarts = require "eddy.workers.restarts"

local FAILED, BY_SIGNAL = 1, 128
local BEGIN_MS = 1000 -- in which the first worker is up, or tells what is wrong

local Supervisor = {
  is_ending = false,
  is_replacing = false, -- 1: workers are being replaced; 2: and are to be once more
  is_begun = false,     -- all were started
  forced = false,       -- the exit code of an end at once
}
Supervisor.__index = Supervisor

local M = {}

local say = callback_errors.write

-- `current` is the slot's worker; `next` the one that is to take its place.
local function new_slot(index)
  return { index = index, current = false, next = false, was_up = false, timer = false,
    is_done = false, code = 0, restarts = restarts.new() }
end

function Supervisor:_start(slot, place)
  local ok, worker = pcall(processes.start, self, slot.index)
  if not ok then
    slot.code = FAILED
    local text = ("worker %d could not be started: %s"):format(slot.index, tostring(worker))
    if place == "current" then self:_failed(slot, text, not slot.was_up) else say(text) end
    return nil
  end
  self.alive[worker] = true
  slot[place] = worker
  worker.up:add_done_callback(function()
    if not worker.is_up or self.is_ending then return end
    slot.was_up = true
    self:_begin()
  end)
  return worker
end

-- Starts the others when the first one is up: what is wrong with the script is said once.
function Supervisor:_begin()
  if self.is_begun or self.is_ending then return end
  self.is_begun = true
  self.service.ready()
  for i = 2, self.count do self:_start(self.slots[i], "current") end
end

-- All that is to be done is done.
function Supervisor:_over()
  if next(self.alive) or not self.is_ending and not self:_all_done() then return false end
  self.loop:stop()
  return true
end

function Supervisor:_all_done()
  for _, slot in ipairs(self.slots) do
    if not slot.is_done then return false end
  end
  return true
end

function Supervisor:_late(worker)
  say(("%s did not end within %g s, and is killed"):format(tostring(worker), self.drain / 1000))
end

function Supervisor:_stop(worker)
  worker:stop(self.drain, function(late) self:_late(late) end)
end

function Supervisor:_end_all()
  self.is_ending = true
  self.service.stopping(self.drain)
  for _, slot in ipairs(self.slots) do
    if slot.timer then slot.timer:cancel() end
  end
  for worker in pairs(self.alive) do self:_stop(worker) end
  self:_over()
end

-- A slot has no worker, and is to have one.
-- @param text what happened
-- @param is_hopeless whether it would again
function Supervisor:_failed(slot, text, is_hopeless)
  if is_hopeless then
    say(text .. "; it was never up, so all end")
    return self:_end_all()
  end
  local ms = slot.restarts:failed(self.loop:time())
  if not ms then
    say(("%s, after %d restarts within %g s; all end"):format(text, restarts.LIMIT,
      restarts.WINDOW_MS / 1000))
    return self:_end_all()
  end
  say(("%s; it is started again in %g s"):format(text, ms / 1000))
  slot.timer = self.loop:call_later(ms, function()
    slot.timer = false
    if not slot.next then self:_start(slot, "current") end
  end)
end

-- The worker of a slot has ended, and nobody asked it to.
function Supervisor:_left(slot, worker, code, how)
  local text = ("%s %s"):format(tostring(worker), how)
  if slot.current or slot.next then
    if code ~= 0 then say(text) end
  elseif code ~= 0 then
    self:_failed(slot, text, code and not slot.was_up)
  elseif worker.was_signalled then
    say(("%s was told to end; it is started again"):format(tostring(worker)))
    self:_start(slot, "current")
  else
    slot.is_done = true
    self:_begin()
  end
end

--- For eddy.workers.process: a worker has ended.
function Supervisor:ended(worker, code, signal)
  -- Before it is up, nothing takes the signal, and nothing is left undone.
  if worker.is_stopping and not worker.is_up and signal == "SIGTERM" then code = 0 end
  local slot, how = self.slots[worker.index], exits.words(code, signal)
  self.alive[worker] = nil
  self.ports:release(worker)
  if worker == slot.next then slot.next = false end
  if worker == slot.current then
    slot.current = false
    slot.code = exits.code(code, signal)
  end
  if not self.is_ending and not worker.is_stopping then
    self:_left(slot, worker, code, how)
  elseif code ~= 0 and not self.forced then
    say(("%s %s"):format(tostring(worker), how))
  end
  self:_over()
end

--- A worker asks where it may bind.
function Supervisor:asked(worker, kind, endpoint) self.ports:ask(worker, kind, endpoint) end

--- A worker tells what became of that.
function Supervisor:decided(worker, id, endpoint) self.ports:decided(worker, id, endpoint) end

-- Puts a new worker in a slot's place: first it is up, then the old one ends. Returns whether.
function Supervisor:_replace(slot)
  if slot.timer then slot.timer:cancel() end
  slot.timer = false
  local worker = self:_start(slot, "next")
  if not worker or not worker.up:await() or self.is_ending then return false end
  local old = slot.current
  slot.current, slot.next = worker, false
  if old then
    self:_stop(old)
    old.gone:await()
  end
  return true
end

-- Replaces all, or as many as come up. Returns a text about it; nil when all are to end meanwhile.
function Supervisor:_replace_each()
  for _, slot in ipairs(self.slots) do
    if not slot.is_done and not self:_replace(slot) then
      return not self.is_ending and ("worker %d: the new one did not come up; " ..
        "those that were not replaced yet go on"):format(slot.index) or nil
    end
  end
  return ("%d workers were replaced"):format(self.count)
end

function Supervisor:_replace_all()
  repeat
    self.is_replacing = 1
    self.service.reloading()
    local text = self:_replace_each()
    if self.is_ending then return end
    say(text)
    self.service.ready()
  until self.is_replacing == 1
  self.is_replacing = false
end

-- The terminal that they were started from may be gone.
local function has_terminal()
  local terminal = io.open "/dev/tty"
  if terminal then terminal:close() end
  return terminal ~= nil
end

function Supervisor:_take_signals()
  local had_terminal = has_terminal()
  local function finish(_, number)
    if not self.is_ending then return self:_end_all() end
    self.forced = BY_SIGNAL + number
    for worker in pairs(self.alive) do worker:kill() end
  end
  self.loop:on_signal("TERM", finish)
  self.loop:on_signal("INT", finish)
  self.loop:on_signal("HUP", function(name, number)
    if had_terminal and not has_terminal() then return finish(name, number) end
    if self.is_ending or not self.is_begun then return end
    if self.is_replacing then
      self.is_replacing = 2
    else
      self.loop:spawn(self._replace_all, self)
    end
  end)
end

--- Runs workers until all are done, or are told to end.
-- @param settings { count; drain: ms that the end of one may take; command: the words of the
-- command line that each is run with; service: whom `ready()`, `reloading()` and `stopping(ms)`
-- tell what they say }
-- @return an exit code: the worst of how they ended
function M.run(settings)
  local self = setmetatable({ count = settings.count, drain = settings.drain,
    command = settings.command, service = settings.service, loop = loops.instance(), slots = {},
    alive = {} }, Supervisor)
  self.ports = ports.new(function(worker) self:_stop(worker) end)
  for i = 1, self.count do self.slots[i] = new_slot(i) end
  self:_take_signals()
  self:_start(self.slots[1], "current")
  -- One that runs no loop never tells that it is up.
  self.loop:call_later(BEGIN_MS, self._begin, self)
  if not self:_over() then self.loop:start() end
  self.loop:close()
  local code = 0
  for _, slot in ipairs(self.slots) do code = exits.worse(code, slot.code) end
  return self.forced or code
end

return M
