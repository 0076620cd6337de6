-- A peer that speaks ZMTP 3.0 (NULL) byte by byte over its own descriptor, and can leave at any
-- of them: with a FIN, or with a RST, for which the kernel throws away what is on its way. It
-- connects, over tcp or ipc, or is a server to which others connect.
local ffi = require "ffi"

ffi.cdef [[
struct zmtp_address { uint16_t family, port; uint32_t host; uint8_t zero[8]; };
struct zmtp_path { uint16_t family; char path[108]; };
struct zmtp_linger { int on, seconds; };
struct zmtp_pollfd { int fd; short events, revents; };
int socket(int domain, int type, int protocol);
int connect(int fd, const void *address, unsigned size);
int zmtp_bind(int fd, const void *address, unsigned size) __asm__("bind");
int listen(int fd, int backlog);
int accept4(int fd, void *address, unsigned *size, int flags);
int getsockname(int fd, void *address, unsigned *size);
int shutdown(int fd, int how);
int setsockopt(int fd, int level, int option, const void *value, unsigned size);
long send(int fd, const void *data, size_t size, int flags);
long recv(int fd, void *data, size_t size, int flags);
uint16_t htons(uint16_t number);
uint32_t htonl(uint32_t host);
]]
pcall(ffi.cdef, "int close(int fd);")

local AF_UNIX, AF_INET, SOCK_STREAM, SOL_SOCKET, SO_LINGER = 1, 2, 1, 1, 13
local SOCK_NONBLOCK, SOCK_CLOEXEC, SHUT_WR = 2048, 0x80000, 1
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

local function loopback(port)
  return ffi.new("struct zmtp_address", AF_INET, ffi.C.htons(port), ffi.C.htonl(0x7f000001)), 16
end

local function open(family, flags)
  local fd = ffi.C.socket(family, SOCK_STREAM + SOCK_CLOEXEC + (flags or 0), 0)
  assert(fd >= 0, "no descriptor")
  return fd
end

local function connect(fd, address, size, where)
  if ffi.C.connect(fd, address, size) ~= 0 then
    ffi.C.close(fd)
    error("cannot connect to " .. where)
  end
  return setmetatable({ fd = fd }, Peer)
end

--- Connects to a port of the loopback interface.
function M.connect(port)
  local fd = open(AF_INET)
  ffi.C.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ffi.new("int[1]", 1), 4)
  local address, size = loopback(port)
  return connect(fd, address, size, "port " .. port)
end

--- Connects to an ipc path.
function M.connect_ipc(path)
  local address = ffi.new("struct zmtp_path", AF_UNIX, path)
  return connect(open(AF_UNIX), address, ffi.sizeof(address), path)
end

local Server = {}
Server.__index = Server

--- Listens at a port of the loopback interface: a free one, unless given.
-- @return the server, and its port
function M.listen(port)
  local fd = open(AF_INET, SOCK_NONBLOCK)
  local address, size = loopback(port or 0)
  assert(ffi.C.zmtp_bind(fd, address, size) == 0 and ffi.C.listen(fd, 100) == 0, "cannot listen")
  ffi.C.getsockname(fd, address, ffi.new("unsigned[1]", size))
  return setmetatable({ fd = fd }, Server), ffi.C.htons(address.port)
end

--- The next one who connected; nil when nobody did.
function Server:accept()
  local fd = ffi.C.accept4(self.fd, nil, nil, SOCK_CLOEXEC)
  return fd >= 0 and setmetatable({ fd = fd }, Peer) or nil
end

function Server:close() ffi.C.close(self.fd) end

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
-- @param has_greeted whether the greeting was sent
function Peer:open(kind, has_greeted)
  self:send(has_greeted and M.ready(kind) or M.opening(kind))
  local got = ""
  repeat
    local more = self:receive(4096)
    got = got .. (more or "")
    local command = got:sub(#M.GREETING + 1)
    local is_whole = #command > 2 and #command >= 2 + command:byte(2)
  until is_whole or not more
end

--- Sends what of these bytes the other side takes at once.
function Peer:push(bytes) ffi.C.send(self.fd, bytes, #bytes, NOSIGNAL + DONTWAIT) end

--- Sends no more, but stays.
function Peer:half_close() ffi.C.shutdown(self.fd, SHUT_WR) end

--- Leaves; with `reset`, by a RST.
function Peer:leave(reset)
  if reset then
    ffi.C.setsockopt(self.fd, SOL_SOCKET, SO_LINGER, ffi.new("struct zmtp_linger", 1, 0), 8)
  end
  ffi.C.close(self.fd)
  self.fd = -1
end

return M
