--- eddy: an event loop host for ZeroMQ.
local c = require "eddy.base.libeddy"
local future = require "eddy.future"
local program = require "eddy.reload.program"

---@class eddy
---@field version string "0.1.0"
---@field generation integer of a script that is reloaded: 1, and one more with each reload
local eddy = {
  loop = require "eddy.loop",
  stream = require "eddy.stream",
  zmq = require "eddy.zmq",
  future = future,
  await = future.await,
  event = future.event,
  first = future.first,
  gather = future.gather,
  lock = future.lock,
  now = future.now,
  queue = future.queue,
  semaphore = future.semaphore,
  sleep = future.sleep,
  spawn = future.spawn,
  with_timeout = future.with_timeout,
  version = c.ffi.string(c.C.eddy_version()),
}

-- Not every script pays for these.
local modules = {
  async = true,
  auth = true,
  counters = true,
  cqueues = true,
  devices = true,
  front = true,
  green = true,
  jetstream = true,
  jobs = true,
  log = true,
  luv = true,
  metrics = true,
  process = true,
  reload = true,
  profile = true,
  service = true,
  testing = true,
  thread = true,
  worker = true,
}

-- Of `eddy.reload`.
local reloading = { cdef = true, check = true, keep = true, pin = true }

return setmetatable(eddy, {
  __index = function(self, name)
    if name == "generation" then return program.number end
    if reloading[name] then self[name] = self.reload[name] end
    if modules[name] then self[name] = require("eddy." .. name) end
    return rawget(self, name)
  end,
})
