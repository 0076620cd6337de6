-- A worker's side: a process that does one job after the other, until its channel is closed.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"
local traceback = require "eddy.base.traceback"
local message = require "eddy.jobs.message"
local futures = require "eddy.tasks.future"
local origin = require "eddy.tasks.origin"

local C, ffi = c.C, c.ffi

local READ_BYTES = 64 * 1024

local M = {}

-- The next message, waiting for it; nil: the channel is closed.
local function receive(fd, reader, buffer)
  while true do
    local values = reader:next()
    if values then return values end
    local size = C.eddy_descriptor_read(fd, buffer, READ_BYTES)
    if size <= 0 then return nil end
    reader:add(ffi.string(buffer, size))
  end
end

-- Whether there is somebody who took it.
local function send(fd, bytes)
  local at, offset = ffi.cast("const char *", bytes), 0
  while offset < #bytes do
    local size = C.eddy_descriptor_write(fd, at + offset, #bytes - offset)
    if size < 0 then return false end
    offset = offset + size
  end
  return true
end

-- An error as it is sent: its text, and of a table what can be sent of its fields.
local function failure_of(err, stack)
  local failure = { text = errors.text_of(err), traceback = stack }
  if type(err) ~= "table" then
    failure.value = type(err) ~= "string" and failure.text or err
    return failure
  end
  failure.fields = {}
  for key, value in pairs(err) do
    local is_sent = type(key) == "string" and message.encode { n = 1, value } ~= nil
    if is_sent then failure.fields[key] = value end
  end
  failure.is_ours = errors.is_error(err)
  return failure
end

local function catch(err)
  local text = errors.text_of(err)
  local failure = origin.trace(err, traceback.of(nil, text, 2))
  -- What started us is no line of the script's.
  return failure_of(err, (failure.traceback:gsub("\n\t%([^()]*%):1: in main chunk$", "")))
end

-- What a function has returned; of a future alone, what that comes to.
local function settled(first, ...)
  if select("#", ...) == 0 and futures.is(first) then return first:await() end
  return first, ...
end

local function do_job(module, job)
  local functions = require(module)
  local fn = type(functions) == "table" and functions[job.name] or nil
  if not pcall(errors.check_function, fn, job.name) then
    error(("module '%s' has no function '%s'%s"):format(module, job.name,
      fn ~= nil and ": that is a " .. type(fn) or ""), 0)
  end
  return settled(fn(unpack(job, 1, job.n)))
end

-- When the stack or memory is out, LuaJIT may call no handler of errors.
local function results_of(ok, ...)
  if ok then return { n = select("#", ...), ... } end
  local failure = ...
  if type(failure) ~= "table" then
    local text = tostring(failure)
    failure = { text = text, value = text, traceback = text }
  end
  return { failure = failure }
end

local function answer_of(module, job)
  local results = results_of(xpcall(do_job, catch, module, job))
  io.stdout:flush()
  local bytes, problem = message.encode(results, "result")
  if bytes then return bytes end
  local failure = { text = problem, value = problem, traceback = problem }
  return assert(message.encode { failure = failure })
end

--- Does jobs until the channel is closed.
-- @param fd the descriptor that they come by; answers go to the next one
function M.main(fd)
  io.stdout:setvbuf "line"
  local reader, buffer = message.reader(), ffi.new("char[?]", READ_BYTES)
  local setup = receive(fd, reader, buffer)
  if not setup then return end
  package.path, package.cpath = setup.path, setup.cpath
  while true do
    local job = receive(fd, reader, buffer)
    if not job or not send(fd + 1, answer_of(setup.module, job)) then return end
  end
end

return M
