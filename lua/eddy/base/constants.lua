-- The integer constants of zmq.h by name, without ZMQ_, as the library has them.
local c = require "eddy.base.libeddy"

local constants = {}
local array = c.ffi.new("const eddy_constant *[1]")
for i = 0, c.C.eddy_constants(array) - 1 do
  local constant = array[0][i]
  constants[c.ffi.string(constant.name)] = constant.value
end

return constants
