-- What the specs of the Lua API share: a fresh loop and context for each test, sockets that
-- are joined, and ways to wait that fail instead of hanging.
local ffi = require "ffi"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local folders = require "spec.support.folders"

ffi.cdef "long readlink(const char *path, char *buffer, size_t size);"

local M = {}

local loop, context, log
local own -- a context of another kind
local names = 0

--- A private loop and a context for one test. What the loop logs is kept.
-- @param of eddy.async or eddy.green: a context of its kind, too, which comes third
function M.open(of)
  log = {}
  local C, notice = require("eddy.base.libeddy").C, ffi.new "char[512]"
  repeat until C.eddy_notices_next(notice, 512) == 0 -- of peers that another test refused
  loop = eddy.loop.new()
  loop._log = function(_, text) log[#log + 1] = text end
  context, own = zmq.context(), of and of.context()
  return loop, context, own
end

--- Closes all of them. Fails when a wake-up was missed, or something was logged that the test did
-- not take.
function M.close()
  local missed = loop._c and loop:stats().missed_wakeups or 0
  if own then own:destroy(0) end
  loop:close()
  context:destroy(0)
  if missed ~= 0 then error("missed wake-ups: " .. missed) end
  if #log > 0 then error("the loop logged:\n" .. table.concat(log, "\n")) end
end

--- Opens before each test of the spec that calls this and closes after it: set(loop, context, own)
-- gets what `open` returns, and may go on from there.
function M.each(set, of)
  local spec = getfenv(set) -- busted's functions belong to the file that is run
  spec.before_each(function() set(M.open(of)) end)
  spec.after_each(M.close)
end

--- What was logged, as one text; it counts as expected from now on.
function M.take_log()
  local text = table.concat(log, "\n")
  for i = #log, 1, -1 do log[i] = nil end
  return text
end

--- An endpoint that no other test has.
function M.inproc()
  names = names + 1
  return "inproc://spec-" .. names
end

--- Two joined sockets; the first one is bound.
function M.pair(type_a, type_b, transport)
  local a, b = context:socket(type_a, { linger = 0 }), context:socket(type_b, { linger = 0 })
  if transport == "tcp" then
    a:bind("tcp://127.0.0.1:*")
  else
    a:bind(M.inproc())
  end
  b:connect(a.last_endpoint)
  return a, b
end

--- Two joined sockets of two contexts; the first one is bound.
function M.join(context_a, type_a, context_b, type_b)
  local endpoint = M.inproc()
  local a = context_a:socket(type_a, { linger = 0, bind = endpoint })
  return a, context_b:socket(type_b, { linger = 0, connect = endpoint })
end

--- The name of the error that a future has; false when it has a result.
function M.error_name(future)
  local result, err = future:result()
  return result == nil and err.name
end

--- As `pair`, with a stream on each.
function M.streams(type_a, type_b, transport)
  local a, b = M.pair(type_a, type_b, transport)
  return eddy.stream(a, loop), eddy.stream(b, loop)
end

--- A stream that receives, and the plain socket that sends to it.
function M.receiver()
  local socket, push = M.pair(zmq.PULL, zmq.PUSH)
  return eddy.stream(socket, loop), push
end

--- A socket without a peer, so that what it sends is queued; and where a peer can connect.
function M.lonely(number)
  local socket, endpoint = context:socket(number, { linger = 0 }), M.inproc()
  socket:bind(endpoint)
  return socket, endpoint
end

--- Runs a loop until something stops it; fails after `ms`.
function M.run(on, ms)
  local late = false
  local bound = on:call_later(ms or 5000, function()
    late = true
    on:stop()
  end)
  on:start()
  bound:cancel()
  if late then error("nothing stopped the loop in time; logged: " .. table.concat(log, "\n"), 2) end
end

--- Runs a loop until `done()`; fails when that takes too long.
function M.wait(on, done)
  local timer = on:call_every(1, function()
    if done() then on:stop() end
  end)
  M.run(on)
  timer:cancel()
end

--- Runs fn in a task to its end and returns its results; fails after 10 s.
function M.task(on, fn)
  local function check(...)
    local err = select(2, ...)
    if type(err) == "table" and err.message and err.message:find "^run_sync" then
      error("the task did not end in time", 0)
    end
    return ...
  end
  return check(on:run_sync(fn, 10000))
end

--- Runs a loop for some turns that do not wait: long enough for whatever is on its way inside
-- the process.
function M.turns(on, count)
  local left = count or 10
  local function turn()
    left = left - 1
    if left < 0 then on:stop() else on:add_callback(turn) end
  end
  on:add_callback(turn)
  M.run(on)
end

--- Connects a peer to a stream's endpoint, and has the loop send all that is queued. Returns the
-- peer.
-- @param number its type; PULL unless given
function M.drain(stream, endpoint, number)
  local peer = context:socket(number or zmq.PULL, { linger = 0, connect = endpoint })
  M.wait(loop, function() return not stream:sending() end)
  M.turns(loop, 3)
  return peer
end

--- A list, and a handler that adds what it gets to it and stops the loop at the `count`th.
function M.collector(count)
  local list = {}
  return list, function(msg)
    list[#list + 1] = msg
    if #list == count then loop:stop() end
  end
end

--- The first frames of messages, in one string.
function M.heads(messages)
  local heads = {}
  for i, msg in ipairs(messages) do heads[i] = msg[1] end
  return table.concat(heads, " ")
end

--- Takes what there is on a plain socket, waiting for the first message; its heads.
function M.receive_all(socket)
  local messages = {}
  socket:poll(2000)
  repeat
    local msg = socket:recv_multipart(zmq.DONTWAIT)
    messages[#messages + 1] = msg
  until not msg
  return M.heads(messages), messages
end

--- Lets time pass without the loop.
function M.busy(ms)
  local C = require("eddy.base.libeddy").C
  local until_then = C.eddy_time() + ms
  while C.eddy_time() < until_then do end
end

--- Runs Lua code in a host of its own. Returns its output, errors included, and exit code.
function M.script(code, command)
  local buffer = ffi.new("char[4096]")
  local length = ffi.C.readlink("/proc/self/exe", buffer, 4096)
  local host = command or "'" .. ffi.string(buffer, length) .. "'"
  local quoted = "'" .. code:gsub("'", "'\\''") .. "'"
  local pipe = io.popen("timeout 10 " .. host .. " -e " .. quoted .. " 2>&1; echo \"=$?\"")
  local output = pipe:read("*a")
  pipe:close()
  local text, status = output:match("^(.*)=(%d+)\n$")
  return text, tonumber(status)
end

--- Lua code that has its host sent SIGINT or SIGTERM, once a loop, proxy or device there has taken
-- these two in hand.
function M.interrupt_soon(signal)
  return ([==[os.execute [[(until grep -q 'SigCgt:.*[4567cdef]...$' /proc/$PPID/status
    do sleep 0.01; done; kill -%s $PPID) &]] ]==]):format(signal)
end

--- Whether this is a build with ASan, which keeps what was freed for a while, and needs descriptors
-- of its own.
function M.is_sanitized() return (os.getenv("ASAN_OPTIONS") or "") ~= "" end

--- The memory that this process has, in KiB.
function M.resident_kib()
  local file = assert(io.open "/proc/self/status")
  local kib = file:read("*a"):match("VmRSS:%s*(%d+) kB")
  file:close()
  return tonumber(kib)
end

--- A new folder; `os.remove` removes it when it is empty.
M.temp_dir = folders.new

--- Suspends the running coroutine, as anything that waits does, for so many ms of the loop's time.
function M.suspend(on, ms)
  local running = coroutine.running()
  on:call_later(ms, function() assert(coroutine.resume(running)) end)
  coroutine.yield()
end

return M
