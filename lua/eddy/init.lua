--- eddy: an event loop host for ZeroMQ.
local c = require "eddy.c"
local future = require "eddy.future"

return {
  loop = require "eddy.loop",
  stream = require "eddy.stream",
  zmq = require "eddy.zmq",
  future = future,
  await = future.await,
  gather = future.gather,
  sleep = future.sleep,
  spawn = future.spawn,
  with_timeout = future.with_timeout,
  version = c.ffi.string(c.C.eddy_version()),
}
