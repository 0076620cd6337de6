-- Plain sockets of the system's, as a service manager has them: what listens and is inherited, and
-- what takes datagrams.
local ffi = require "ffi"

ffi.cdef [[
int socket(int domain, int type, int protocol);
int bind(int fd, const void *address, unsigned size);
int listen(int fd, int backlog);
int getsockname(int fd, void *address, unsigned *size);
long recv(int fd, void *buffer, size_t size, int flags);
int setsockopt(int fd, int level, int name, const void *value, unsigned size);
int close(int fd);
]]

local C = ffi.C
local UNIX, INET, INET6, STREAM, DGRAM, DONTWAIT = 1, 2, 10, 1, 2, 0x40
local CLOEXEC = 0x80000
local LONGEST = 4096

local M = {}

local function check(result) return result >= 0 and result or error("errno " .. ffi.errno(), 2) end

-- A socket address: its family, and bytes.
local function address_of(family, bytes)
  return string.char(family, 0) .. bytes
end

local function listener(family, bytes)
  local fd = check(C.socket(family, STREAM, 0))
  local on = ffi.new("int[1]", 1)
  check(C.setsockopt(fd, 1, 2, on, 4)) -- SO_REUSEADDR
  local address = address_of(family, bytes)
  check(C.bind(fd, address, #address))
  check(C.listen(fd, 16))
  return fd
end

--- A listening tcp socket, which children inherit.
-- @param host an IPv4 address, "::" or "::1"
-- @return its descriptor and its port
function M.tcp(host)
  local fd
  if host:find ":" then
    fd = listener(INET6, ("\0"):rep(21) .. (host == "::1" and "\1" or "\0") .. ("\0"):rep(4))
  else
    fd = listener(INET, "\0\0" .. host:gsub("%d+%.?", function(part)
      return string.char((tonumber((part:gsub("%.", "")))))
    end) .. ("\0"):rep(8))
  end
  local name, size = ffi.new "uint8_t[28]", ffi.new("unsigned[1]", 28)
  check(C.getsockname(fd, name, size))
  return fd, name[2] * 256 + name[3]
end

--- A listening socket at a path ("\0name": an abstract one), which children inherit.
function M.ipc(path) return listener(UNIX, path .. (path:sub(1, 1) == "\0" and "" or "\0")) end

--- A socket that takes datagrams at a path ("\0name": an abstract one).
-- @param is_inherited whether children have it, too
function M.datagrams(path, is_inherited)
  local fd = check(C.socket(UNIX, bit.bor(DGRAM, is_inherited and 0 or CLOEXEC), 0))
  local address = address_of(UNIX, path .. (path:sub(1, 1) == "\0" and "" or "\0"))
  check(C.bind(fd, address, #address))
  return fd
end

--- The next datagram, or nil when there is none yet.
function M.receive(fd)
  local buffer = ffi.new("char[?]", LONGEST)
  local size = C.recv(fd, buffer, LONGEST, DONTWAIT)
  return size >= 0 and ffi.string(buffer, size) or nil
end

function M.close(fd) C.close(fd) end

return M
