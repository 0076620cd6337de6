-- The integer constants of zmq.h by name, without ZMQ_, as the library has them; and those of
-- options that zmq.h hides, while libzmq 4.3.4 knows them: EINVAL where it was built without one.
local c = require "eddy.base.libeddy"

local constants = {}
local array = c.ffi.new("const eddy_constant *[1]")
for i = 0, c.C.eddy_constants(array) - 1 do
  local constant = array[0][i]
  constants[c.ffi.string(constant.name)] = constant.value
end

local hidden = {
  ZAP_ENFORCE_DOMAIN = 93, LOOPBACK_FASTPATH = 94, METADATA = 95, MULTICAST_LOOP = 96,
  ROUTER_NOTIFY = 97, XPUB_MANUAL_LAST_VALUE = 98, SOCKS_USERNAME = 99, SOCKS_PASSWORD = 100,
  IN_BATCH_SIZE = 101, OUT_BATCH_SIZE = 102, WSS_KEY_PEM = 103, WSS_CERT_PEM = 104,
  WSS_TRUST_PEM = 105, WSS_HOSTNAME = 106, WSS_TRUST_SYSTEM = 107, ONLY_FIRST_SUBSCRIBE = 108,
  RECONNECT_STOP = 109, HELLO_MSG = 110, DISCONNECT_MSG = 111, PRIORITY = 112,
}
for name, value in pairs(hidden) do
  if not constants[name] then constants[name] = value end
end

constants.EVENT_ENDPOINT_RESET = 2 ^ 30 -- none of libzmq's: what `eddy.supervise` tells

return constants
