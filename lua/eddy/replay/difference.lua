-- What is different in a replay, in words.
local taps = require "eddy.replay.taps"

local MOST_BYTES = 60

local M = {}

local function part_of(part)
  local text = part:sub(1, MOST_BYTES)
  text = text:gsub("[^\32-\126]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
  return '"' .. text .. '"' .. (#part > MOST_BYTES and ("... (%d bytes)"):format(#part) or "")
end

local function text_of(parts, count)
  local texts = {}
  for i = 1, count or #parts do texts[i] = part_of(parts[i]) end
  return #texts == 0 and "nothing" or table.concat(texts, " ")
end

local function name_of(play, number, stream)
  return play.names[number] or stream and tostring(stream.name) or "stream " .. number
end

-- When it was in the recording.
local function when(play, event)
  return ("%.3f s after the beginning"):format((event.ns - play.start) / 1e9)
end

--- What a stream sends that it should not; nil when it is what was recorded.
-- @param event what it sent then, or nil
-- @param index which of its messages it is
function M.sends(play, stream, parts, event, index)
  local name = name_of(play, taps.number_of(stream), stream)
  if not event then
    return ("%s sends message %d, which was not recorded: %s"):format(name, index, text_of(parts))
  end
  local count = event.kind == "o" and #event - 1 or #event
  local is_same = #parts == count
  for i = 1, count do is_same = is_same and parts[i] == event[i] end
  if is_same then return nil end
  return ("%s, message %d that it sends, recorded %s: recorded %s, now %s"):format(name, index,
    when(play, event), text_of(event, count), text_of(parts))
end

function M.receives(play, event, stream)
  return ("%s, which received %s %s, %s in this run"):format(name_of(play, event.about, stream),
    text_of(event), when(play, event), not stream and "is not there" or
      not stream._id and "is closed" or "does not receive")
end

function M.fires(play, event)
  return ("%s, which fired %s, is not there, or is stopped, in this run"):format(
    event[1] or "timer " .. event.about, when(play, event))
end

function M.signal(play, event)
  return ("signal %d, which came %s, has no handler in this run"):format(event.about,
    when(play, event))
end

--- The first message that was recorded and not sent; nil when all were.
function M.left(play)
  local first, own
  for number, list in pairs(play.expected) do
    local event = list[list.at]
    if event and (not first or event.ns < first.ns) then first, own = event, number end
  end
  if not first then return nil end
  return ("%s does not send message %d, recorded %s: %s"):format(name_of(play, own),
    play.expected[own].at, when(play, first),
    text_of(first, first.kind == "o" and #first - 1 or #first))
end

return M
