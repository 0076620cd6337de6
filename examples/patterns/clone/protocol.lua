-- The words of the Clustered Hashmap Protocol: https://rfc.zeromq.org/spec/12
local M = {
  HUGZ = "HUGZ",
  HUGZ_MS = 1000,
  ICANHAZ = "ICANHAZ?",
  KTHXBAI = "KTHXBAI",
}

--- A server has three endpoints, at one port and the next two.
-- @param host without the port: "tcp://127.0.0.1"
function M.endpoints(host, port)
  return {
    snapshot = ("%s:%d"):format(host, port),
    publisher = ("%s:%d"):format(host, port + 1),
    collector = ("%s:%d"):format(host, port + 2),
  }
end

--- A number below 2^53 as 8 bytes, in network order; and back.
function M.pack(number)
  local bytes = {}
  for i = 8, 1, -1 do
    bytes[i] = number % 256
    number = math.floor(number / 256)
  end
  return string.char(unpack(bytes))
end

function M.unpack(text)
  local number = 0
  for i = 1, 8 do number = number * 256 + text:byte(i) end
  return number
end

return M
