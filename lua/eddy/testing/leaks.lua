--- What a test left open, on any loop and in any context of this Lua state, and its threads.
local loops = require "eddy.loop"
local threads = require "eddy.thread"
local zmq = require "eddy.zmq"

local M = {}

-- Calls visit(thing, text, close) for all that is open.
local function each(visit)
  for loop in pairs(loops._all()) do
    for _, target in pairs(loop._targets) do
      if target._socket_closing and not target.socket then -- a handler
        visit(target, target:_describe(), function() loop:remove_handler(target._what) end)
      elseif target.close then
        visit(target, tostring(target), function() target:close(target.socket and 0 or nil) end)
      else
        visit(target, target:_describe(), function() target:cancel() end)
      end
    end
    for _, signal in pairs(loop._signals) do
      visit(signal, signal:_describe(), function() signal:cancel() end)
    end
  end
  for context in pairs(zmq._all()) do
    for socket in pairs(context._sockets) do
      local owner = socket._owner
      -- A stream was told of already, with its socket.
      if socket._id and not (owner and owner.socket == socket) then
        visit(socket, tostring(socket), function() socket:close(0) end)
      end
    end
  end
end

local STOP_MS, JOIN_MS = 0, 5000 -- for a thread that is left

local function each_thread(visit)
  for thread in pairs(threads._all()) do
    if not thread:done() then
      visit(thread, tostring(thread), function()
        thread:stop(STOP_MS)
        thread:join(JOIN_MS)
      end)
    end
  end
end

--- All that is open now, for `since`, and of each loop how many callbacks are queued.
function M.snapshot()
  local open = setmetatable({}, { __mode = "k" })
  local function note(thing) open[thing] = true end
  each(note)
  each_thread(note)
  for loop in pairs(loops._all()) do open[loop] = loop._queued end
  return open
end

--- What was opened after the snapshot, and is open still. Closes it.
-- @return a sorted list of texts
function M.since(snapshot)
  local found, texts = {}, {}
  local function look(thing, text, close)
    if not snapshot[thing] then found[#found + 1] = { text = text, close = close } end
  end
  each(look)
  each_thread(look)
  for i, leak in ipairs(found) do texts[i] = leak.text end
  for _, leak in ipairs(found) do leak.close() end
  table.sort(texts)
  return texts
end

return M
