-- Who sent a message, from the properties that libzmq keeps with it.
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

---@class eddy.Peer
---@field user? string where each peer was asked about
---@field key? string where each peer was asked about
---@field address? string
---@field uid? integer over ipc
---@field gid? integer over ipc
---@field pid? integer over ipc
---@field mechanism? string

local M = {}

local mechanisms = { [0] = "NULL", "PLAIN", "CURVE", "GSSAPI" }
local ours = { Key = true, Fields = true }

local stats = ffi.new "eddy_zap_stats"

-- Whether our handler was asked about each peer: else a peer can say of itself what it likes.
local function is_asked(socket)
  return socket:get "ZAP_ENFORCE_DOMAIN" == 1 and socket:get "ZAP_DOMAIN" ~= "" and
    C.eddy_zap_stats_get(socket._c, stats) == 1
end

--- Makes the table of a peer.
-- @param socket which received the message
-- @param get get(name): a property of it, or nil
-- @return { address, uid, gid, pid, mechanism }, and of a peer that a handler let in `user`, `key`,
-- and the fields that its allowing function returned; nil when the message tells nothing
function M.new(socket, get)
  local address = get "Peer-Address"
  if not address then return nil end
  local peer = { address = address, mechanism = mechanisms[socket:get "MECHANISM"] }
  local uid, gid, pid = address:match "^localhost:(%d+):(%d+):(%d+)$"
  if uid then
    peer.address, peer.uid, peer.gid, peer.pid = "localhost", tonumber(uid), tonumber(gid),
      tonumber(pid)
  end
  if not is_asked(socket) then return peer end
  local key = get "X-Key"
  for name in (get "X-Fields" or ""):gmatch "%S+" do
    if not ours[name] and peer[name] == nil then peer[name] = get("X-" .. name) end
  end
  peer.user, peer.key = get "User-Id", key ~= "" and key or nil
  return peer
end

return M
