-- The streams, with what they count.
local targets = require "eddy.control.targets"
local tables = require "eddy.control.tables"
local options = require "eddy.zmq.options"

local M = {}

function M.run()
  local list = {}
  for i, each in ipairs(targets.streams()) do
    local stream = each.target
    local answer = stream:stats()
    answer.number, answer.name = each.number, tostring(stream.name)
    answer.type = stream.socket._type
    answer.endpoint = options.endpoint(stream.socket) or ""
    answer.paused = stream._is_paused == true
    answer.receiving = stream._on_recv ~= false and not answer.paused
    answer.handlers_waiting = stream._inside
    list[i] = answer
  end
  return { streams = list }
end

local function state(stream)
  if stream.paused then return "paused" end
  return stream.receiving and "receives" or "-"
end

function M.show(answer)
  return tables.lines({ "NO", "STREAM", "TYPE", "ENDPOINT", "STATE", "IN", "OUT", "QUEUED", "DROP",
      "ERRORS" }, answer.streams, function(stream)
    return { stream.number, stream.name, stream.type, stream.endpoint, state(stream),
      stream.messages_in, stream.messages_out, stream.queued, stream.dropped, stream.errors }
  end)
end

return M
