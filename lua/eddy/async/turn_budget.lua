-- How much is done on a socket in a turn of the loop by those whose calls wait, each way: as
-- much as a stream receives, so that others and the timers have their turns.
local c = require "eddy.base.libeddy"

local C = c.C

local MESSAGES = C.EDDY_BUDGET
-- How much of it a byte is. A part weighs its zmq_msg_t, too.
local BYTE, PART = MESSAGES / C.EDDY_BATCH_BYTES, 64

local M = {}

local function weigh_all(parts)
  local bytes = 0
  for i = 1, #parts do bytes = bytes + #parts[i] + PART end
  return bytes
end

-- The bytes of a string, a frame, or a list of them. Mostly those are few: LuaJIT compiles a loop
-- apart from the way around it.
local function weight(message)
  if type(message) ~= "table" then return #message + PART end
  local second = message[2]
  if second == nil then return #message[1] + PART end
  local third = message[3]
  if third == nil then return #message[1] + #second + 2 * PART end
  if message[4] == nil then return #message[1] + #second + #third + 3 * PART end
  return weigh_all(message)
end

--- Begins a turn's budget anew.
-- @param line the wait queue
-- @param list what it has for this way
function M.renew(line, list, turn)
  local what = line._what
  list.turn, list.left = turn, MESSAGES
  -- Who received one must act on it before the next one is received.
  if line._is_xpub and list == line.receives and
    C.eddy_socket_is_single(what._c, what._id) == 1 then list.left = 1 end
end

--- Whether anything is left of it in this turn.
function M.has_left(line, list, turn)
  if list.turn ~= turn then M.renew(line, list, turn) end
  return list.left > 0
end

--- Takes off what was sent or received.
-- @param message a string, a frame, or a list of them
function M.charge(list, message)
  list.left = list.left - 1 - weight(message) * BYTE
end

return M
