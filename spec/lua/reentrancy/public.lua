-- All functions that scripts can call: of the public modules, and of what they make.
local ffi = require "ffi"
local eddy = require "eddy"
local nats = require "spec.support.nats"
local bytes = require "eddy.zmq.bytes"
local zmq = require "eddy.zmq"
local Socket = require "eddy.zmq.socket"

-- Of these, what has other specs for what runs in the middle: it is the end of a test, or reads
-- what busted runs, or takes all that is open for a script's.
local elsewhere = { ["eddy.testing"] = true, ["eddy.reload"] = true,
  case = true }

local M = {}

local modules = {
  "eddy",
  "eddy.zmq",
  "eddy.loop",
  "eddy.stream",
  "eddy.future",
  "eddy.async",
  "eddy.green",
  "eddy.jobs",
  "eddy.devices",
  "eddy.front",
  "eddy.counters",
  "eddy.auth",
  "eddy.log",
  "eddy.metrics",
  "eddy.process",
  "eddy.reload",
  "eddy.profile",
  "eddy.service",
  "eddy.testing",
  "eddy.thread",
  "eddy.worker",
}
for _, name in ipairs { "cqueues", "luv" } do -- those that are there
  if pcall(require, name) then modules[#modules + 1] = "eddy." .. name end
end

--- What a function uses, by name; nil when it uses no such thing.
function M.used(fn, name)
  for i = 1, math.huge do
    local found, value = debug.getupvalue(fn, i)
    if found == name or not found then return value end
  end
end

--- The function that one calls which looks for its object, or loads its module, first
-- (eddy.base.methods, eddy.base.later); any other one as it is.
function M.behind(fn)
  local file = debug.getinfo(fn, "S").source:match "base/(%l+)%.lua$"
  if file == "methods" then return M.behind(M.used(fn, "method")) end
  return file == "later" and M.used(fn, "module")[M.used(fn, "name")] or fn
end

local has_nats = not nats.missing()
if has_nats then modules[#modules + 1] = "eddy.jetstream" end

-- A table that a function uses.
local function upvalue(fn, name)
  return assert(M.used(M.behind(fn), name), "it uses no " .. name)
end

-- The methods of a frame or a view: those that both have, and its own.
local function bytes_of(object, names)
  local methods = {}
  for name in pairs(bytes.class(0)) do methods[name] = object[name] end
  for _, name in ipairs(names) do methods[name] = object[name] end
  return methods
end

-- The tables that have the methods of what modules make.
local function classes()
  local context, loop = zmq.context(), eddy.loop.new()
  local function methods_of(object) return getmetatable(object).__index end
  local function sockets_of(module)
    local its = module.context()
    local methods = upvalue(methods_of(its:socket(zmq.PAIR)), "own")
    its:destroy(0)
    return methods
  end
  local found = {
    context = upvalue(methods_of(context), "Context"),
    socket = Socket,
    ["async socket"] = sockets_of(eddy.async), ["green socket"] = sockets_of(eddy.green),
    stream = upvalue(methods_of(eddy.stream(context:socket(zmq.PAIR), loop)), "own"),
    ["REP stream"] = upvalue(methods_of(eddy.stream(context:socket(zmq.REP), loop)), "own"),
    loop = methods_of(loop),
    timer = methods_of(loop:call_later(1, print)),
    on_stop = methods_of(loop:on_stop(print)),
    waker = methods_of(loop:add_waker(print)),
    signal = methods_of(loop:on_signal("USR2", print)),
    future = methods_of(eddy.future(loop)),
    embedded = methods_of(loop:embed { fd = 0, step = print }),
    task = methods_of(loop:spawn(print)),
    queue = methods_of(eddy.queue(1)), event = methods_of(eddy.event()),
    lock = methods_of(eddy.lock()), semaphore = methods_of(eddy.semaphore(1)),
    poller = methods_of(zmq.poller()),
    ["async poller"] = methods_of(eddy.async.poller()),
    ["green poller"] = methods_of(eddy.green.poller()),
    device = methods_of(eddy.devices.device(zmq.QUEUE, zmq.PAIR, -1)),
    worker = upvalue(eddy.front.worker, "Worker"),
    authenticator = methods_of(eddy.auth.authenticator(context)),
    thread = methods_of(eddy.thread.start(function() end)),
    tracker = upvalue(methods_of(zmq.tracker()), "Tracker"),
    frame = bytes_of(zmq.frame "", { "get", "close" }),
    view = bytes_of(ffi.new "eddy_view", { "get" }),
    ["pool of jobs"] = require("eddy.jobs.pool")._class,
    counter = methods_of(eddy.metrics.counter("spec_public", "x")),
    gauge = methods_of(eddy.metrics.gauge("spec_public_gauge", "x")),
    histogram = methods_of(eddy.metrics.histogram("spec_public_histogram", "x")),
    process = require("eddy.process.child")._class,
    output = require("eddy.process.output")._class,
    logger = methods_of(eddy.log.logger()), ["topic logger"] = methods_of(eddy.log.topic_logger()),
    ["stderr handler"] = methods_of(eddy.log.stderr_handler()),
    ["file handler"] = methods_of(eddy.log.file_handler("/dev/null", { hangup = false })),
    ["pub handler"] = methods_of(eddy.log.pub_handler(context:socket(zmq.PUB))),
  }
  if has_nats then
    require "eddy.jetstream" -- which loads the others in their order
    local bucket = require "eddy.jetstream.kv"
    found.link = require("eddy.jetstream.link").methods
    found["stored stream"] = require("eddy.jetstream.stream").class
    found.job = require("eddy.jetstream.job").class
    found.bucket, found.watch = bucket, upvalue(require("eddy.jetstream.watch").new, "Watch")
    found.subscription = upvalue(found.link.subscribe, "Subscription")
    found.request = upvalue(found.subscription._message, "Request")
  end
  loop:close()
  context:destroy(0)
  return found
end

-- What a class of sockets has for modules, not for scripts; and a level that a spec adds.
local inner = { ["socket.class"] = true, ["socket.open"] = true, ["socket.is"] = true,
  ["task.new"] = true, ["logger.notice"] = true, ["topic logger.notice"] = true }

local found -- once is enough: they make threads and contexts

--- Calls fn(owner, name, value, members) for all that modules and objects have.
function M.each(fn)
  found = found or classes()
  local function add(owner, members)
    for name, value in pairs(members) do
      if type(name) == "string" and not name:find "^_" and not inner[owner .. "." .. name] then
        fn(owner, name, value, members)
      end
    end
  end
  for _, name in ipairs(modules) do add(name, require(name)) end
  for name, members in pairs(found) do add(name, members) end
end

--- All functions: their names, by the function.
function M.functions()
  local names = {}
  M.each(function(owner, name, value)
    if type(value) == "function" and not elsewhere[owner] then
      names[value] = names[value] or owner .. "." .. name
    end
  end)
  return names
end

return M
