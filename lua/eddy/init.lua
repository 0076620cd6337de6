--- eddy: an event loop host for ZeroMQ.
local c = require "eddy.c"

return {
  devices = require "eddy.devices",
  loop = require "eddy.loop",
  stream = require "eddy.stream",
  zmq = require "eddy.zmq",
  version = c.ffi.string(c.C.eddy_version()),
}
