-- So many raw connections to each endpoint, which leave in the middle of a greeting.
local root = arg[0]:match("^(.*)/spec/soak_peers/")
package.path = root .. "/?.lua;" .. package.path
local zmtp = require "spec.zmtp.peer"

local count = tonumber((...))
local peers = {}
for _, endpoint in ipairs { select(2, ...) } do
  local port = tonumber(endpoint:match("(%d+)$"))
  for i = 1, count do
    local ok, peer = pcall(zmtp.connect, port)
    if ok then
      peer:send(zmtp.GREETING:sub(1, i % 65))
      peers[#peers + 1] = peer
    end
  end
end
for i, peer in ipairs(peers) do peer:leave(i % 2 == 0) end
