-- Descriptors of the core's that are read on a loop, and keep it no longer alive than it would be.
local M = {}

local Descriptor = {}
Descriptor.__index = Descriptor

function Descriptor:fileno() return self._fd end

-- A loop that is closed with all its descriptors leaves this one to the core.
function Descriptor:close() self._loop = false end

--- Calls fn() on a loop while the descriptor can be read, until `stop`.
function M.read(fd, loop, fn)
  local self = setmetatable({ _fd = fd, _loop = loop }, Descriptor)
  loop:add_handler(self, fn)
  loop._expected = loop._expected + 1
  return self
end

function Descriptor:stop()
  local loop = self._loop
  if not loop or loop._closed then return end
  self._loop = false
  loop._expected = loop._expected - 1
  loop:remove_handler(self)
end

--- Whether it is still read.
function Descriptor:is_read() return self._loop and not self._loop._closed end

return M
