-- luv's files and DNS in a program of handlers: a service that looks names up and notes them in a
-- file. What would block is done by luv's threads, so that others are answered meanwhile.
-- Run it: ./examples/run files_and_dns [NAME...]
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local uv = eddy.luv()
local loop = eddy.loop.instance()

-- Waits for a function of luv's that would call back; returns its result, or nil and its error.
local function wait(fn, ...)
  local given, count = { ... }, select("#", ...)
  local err, result = eddy.luv.await(function(done)
    given[count + 1] = done
    fn(unpack(given, 1, count + 1))
  end)
  if err then return nil, err end
  return result
end

local path = os.tmpname()
local file = assert(wait(uv.fs_open, path, "a", 384)) -- 0600

local function note(name, address)
  assert(wait(uv.fs_write, file, ("%s %s\n"):format(name, address), -1))
end

local server = eddy.stream(zmq.instance():socket(zmq.ROUTER, { bind = "inproc://names" }))
server:set_concurrency(100) -- so many names are looked up at a time
server:on_recv(function(msg)
  local name = msg[2]
  local found, err = wait(uv.getaddrinfo, name, nil, { family = "inet", socktype = "stream" })
  local address = found and found[1].addr or "unknown (" .. err .. ")"
  note(name, address)
  server:send_multipart { msg[1], name, address }
end)

local names = #arg > 0 and arg or { "localhost", "127.0.0.1", "no.such.name.invalid" }
local client = eddy.stream(zmq.instance():socket(zmq.DEALER, { connect = "inproc://names" }))
local left = #names
client:on_recv(function(msg)
  print(msg[1], msg[2])
  left = left - 1
  if left > 0 then return end
  local status = assert(wait(uv.fs_stat, path))
  local text = assert(wait(uv.fs_read, assert(wait(uv.fs_open, path, "r", 0)), status.size, 0))
  print(select(2, text:gsub("\n", "")) .. " lines were noted")
  assert(wait(uv.fs_unlink, path))
  loop:stop()
end)
for _, name in ipairs(names) do client:send(name) end
