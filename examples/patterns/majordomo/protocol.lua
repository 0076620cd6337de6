-- The words of the Majordomo protocol, MDP 0.1: https://rfc.zeromq.org/spec/7
local M = {
  CLIENT = "MDPC01",
  WORKER = "MDPW01",
  READY = "\1",
  REQUEST = "\2",
  REPLY = "\3",
  HEARTBEAT = "\4",
  DISCONNECT = "\5",
  HEARTBEAT_MS = 2500,
  LIVENESS = 3, -- heartbeats that may be missed
}

--- The place of the empty frame that ends an envelope which begins at `from`, or nil.
function M.envelope_end(msg, from)
  for i = from, #msg do
    if msg[i] == "" then return i end
  end
end

--- Appends the frames of `list` from `first` to `last` to a message, and returns that.
function M.append(msg, list, first, last)
  for i = first or 1, last or #list do msg[#msg + 1] = list[i] end
  return msg
end

return M
