-- A peer that speaks ZMTP 3.0 (NULL) byte by byte over its own descriptor, and can leave at any
-- of them: with a FIN, or with a RST, for which the kernel throws away what is on its way.
local ffi = require "ffi"

ffi.cdef [[
struct zmtp_address { uint16_t family, port; uint32_t host; uint8_t zero[8]; };
struct zmtp_linger { int on, seconds; };
struct zmtp_pollfd { int fd; short events, revents; };
int socket(int domain, int type, int protocol);
int connect(int fd, const struct zmtp_address *address, unsigned size);
int setsockopt(int fd, int level, int option, const void *value, unsigned size);
long send(int fd, const void *data, size_t size, int flags);
long recv(int fd, void *data, size_t size, int flags);
uint16_t htons(uint16_t port);
uint32_t htonl(uint32_t host);
]]
pcall(ffi.cdef, "int close(int fd);")

local AF_INET, SOCK_STREAM, SOL_SOCKET, SO_LINGER = 2, 1, 1, 13
local NOSIGNAL, DONTWAIT = 0x4000, 0x40
local IPPROTO_TCP, TCP_NODELAY = 6, 1

local M = {}

--- The greeting of a peer of the NULL mechanism.
M.GREETING = "\255" .. ("\0"):rep(8) .. "\127" .. "\3\0" .. "NULL" .. ("\0"):rep(16) .. "\0" ..
  ("\0"):rep(31)

local function property(name, value)
  return string.char(#name) .. name .. "\0\0\0" .. string.char(#value) .. value
end

--- The READY command of a socket of that type ("PUSH").
function M.ready(kind)
  local body = "\5READY" .. property("Socket-Type", kind) .. property("Identity", "")
  return "\4" .. string.char(#body) .. body
end

--- A frame, short or long as its size wants it.
function M.frame(data, more)
  local flags = more and 1 or 0
  if #data < 256 then return string.char(flags, #data) .. data end
  local size = ""
  local left = #data
  for _ = 1, 8 do
    size = string.char(left % 256) .. size
    left = math.floor(left / 256)
  end
  return string.char(flags + 2) .. size .. data
end

--- A message of these frames.
function M.message(frames)
  local list = {}
  for i, data in ipairs(frames) do list[i] = M.frame(data, i < #frames) end
  return table.concat(list)
end

--- What a peer of that type sends before its first message.
function M.opening(kind) return M.GREETING .. M.ready(kind) end

local Peer = {}
Peer.__index = Peer

--- Connects to a port of the loopback interface.
function M.connect(port)
  local fd = ffi.C.socket(AF_INET, SOCK_STREAM, 0)
  assert(fd >= 0, "no descriptor")
  local address = ffi.new("struct zmtp_address", AF_INET, ffi.C.htons(port),
    ffi.C.htonl(0x7f000001))
  if ffi.C.connect(fd, address, 16) ~= 0 then
    ffi.C.close(fd)
    error("cannot connect to port " .. port)
  end
  ffi.C.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ffi.new("int[1]", 1), 4)
  return setmetatable({ fd = fd }, Peer)
end

--- Sends these bytes. False when the other side has left.
function Peer:send(bytes)
  local sent = 0
  while sent < #bytes do
    local result = ffi.C.send(self.fd, ffi.cast("const char *", bytes) + sent, #bytes - sent,
      NOSIGNAL)
    if result <= 0 then return false end
    sent = sent + tonumber(result)
  end
  return true
end

--- Receives up to so many bytes, waiting for the first unless `at_once`; nil when there are none,
-- or the other side has left.
function Peer:receive(size, at_once)
  local buffer = ffi.new("char[?]", size)
  local got = tonumber(ffi.C.recv(self.fd, buffer, size, at_once and DONTWAIT or 0))
  return got > 0 and ffi.string(buffer, got) or nil
end

--- Sends the opening, and waits for the other side's: before that no message may come.
function Peer:open(kind)
  self:send(M.opening(kind))
  local got = ""
  repeat
    local more = self:receive(4096)
    got = got .. (more or "")
    local command = got:sub(#M.GREETING + 1)
    local is_whole = #command > 2 and #command >= 2 + command:byte(2)
  until is_whole or not more
end

--- Leaves; with `reset`, by a RST.
function Peer:leave(reset)
  if reset then
    ffi.C.setsockopt(self.fd, SOL_SOCKET, SO_LINGER, ffi.new("struct zmtp_linger", 1, 0), 8)
  end
  ffi.C.close(self.fd)
  self.fd = -1
end

return M
