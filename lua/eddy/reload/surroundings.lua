-- What a script sets without an object of its own: handlers of signals and descriptors, callbacks,
-- functions of loops, globals, modules. It is taken away while the next generation is loaded, and
-- comes back when that fails.
local C = require("eddy.base.libeddy").C
local inventory = require "eddy.reload.inventory"
local loops = require "eddy.loop"
local callback_errors = require "eddy.loop.callback_errors"

local M = {}

local function copy(list)
  local own = {}
  for key, value in pairs(list) do own[key] = value end
  return own
end

-- Makes a table what it was.
local function restore(list, before)
  for key in pairs(copy(list)) do
    if before[key] == nil then rawset(list, key, nil) end
  end
  for key, value in pairs(before) do rawset(list, key, value) end
end

local function unset() end -- in place of the function of a signal

local function take_signals(loop)
  local signals = {}
  for number, signal in pairs(loop._signals) do
    if inventory.is_own(signal._fn) then
      signals[number] = { signal = signal, fn = signal._fn, name = signal._name }
      signal._fn = unset
    end
  end
  return signals
end

-- Takes the handlers of descriptors and sockets off, which the next generation may want.
local function take_handlers(loop)
  local handlers = {}
  for key, handler in pairs(copy(loop._handlers)) do
    if not inventory.is_internal(handler, "handler") then
      handlers[key] = handler
      handler:_remove()
    end
  end
  return handlers
end

local function take_loop(loop)
  local state = {
    queued = loop._queued, waiting = copy(loop._waiting), unheard = copy(loop._unheard),
    gap = loop._gap, on_error = loop._on_error, stop = loop._stop, started = loop._started,
    on_stop = copy(loop._on_stop),
    signals = take_signals(loop), handlers = take_handlers(loop),
  }
  loop._gap, loop._on_error, loop._started = false, false, false
  for i = #loop._on_stop, 1, -1 do
    local handle = loop._on_stop[i]
    if inventory.is_own(handle._fn) then handle:cancel() end
  end
  return state
end

--- Takes it away. Returns what there was.
function M.take()
  local state = { loops = {}, globals = copy(_G), loaded = copy(package.loaded),
    log = callback_errors.log_function() }
  for loop in pairs(loops._all()) do
    if loop._c then state.loops[loop] = take_loop(loop) end
  end
  if inventory.is_own(state.log) then callback_errors.set_log(nil) end
  return state
end

local function restore_signals(loop, signals)
  for number, signal in pairs(copy(loop._signals)) do
    local before = signals[number]
    local is_new = not before or before.signal ~= signal
    if is_new and inventory.is_own(signal._fn) then signal:cancel() end
  end
  for number, before in pairs(signals) do
    before.signal._fn, before.signal._name = before.fn, before.name
    if loop._signals[number] ~= before.signal then
      C.eddy_signal_watch(loop._c, number)
      loop._signals[number] = before.signal
    end
  end
end

-- What the next generation has queued, or waits for in a coroutine, never happens.
local function forget_queued(loop, state)
  for i = state.queued + 1, loop._queued do loop._callbacks[i] = nil end
  loop._queued = math.min(loop._queued, state.queued)
  restore(loop._unheard, state.unheard)
  for thread in pairs(copy(loop._waiting)) do
    if state.waiting[thread] == nil then
      loop._waiting[thread], loop._waiters = nil, loop._waiters - 1
    end
  end
end

local function restore_loop(loop, state)
  forget_queued(loop, state)
  loop._gap, loop._on_error = state.gap, state.on_error
  loop._stop, loop._started = state.stop, state.started
  C.eddy_loop_tell_gaps(loop._c, state.gap and 1 or 0)
  restore(loop._on_stop, state.on_stop)
  restore_signals(loop, state.signals)
  for key, handler in pairs(state.handlers) do
    local now = loop._handlers[key]
    if now then now:_remove() end
    local ok, err = pcall(handler._put_back, handler)
    if not ok then loop:_log(tostring(err)) end -- the next generation closed its descriptor
  end
end

--- Gives it back.
function M.give_back(state)
  for loop, of_loop in pairs(state.loops) do
    if loop._c then restore_loop(loop, of_loop) end
  end
  restore(_G, state.globals)
  restore(package.loaded, state.loaded)
  callback_errors.set_log(state.log)
end

--- The next generation has taken over: signals that it does not handle are given back.
function M.settle(state)
  for loop, of_loop in pairs(state.loops) do
    for number, before in pairs(loop._c and of_loop.signals or {}) do
      local signal = before.signal
      if loop._signals[number] == signal and signal._fn == unset then signal:cancel() end
    end
    if loop._c then C.eddy_loop_tell_gaps(loop._c, loop._gap and 1 or 0) end
  end
end

return M
