-- A service from start to end: a pool of workers that say that they live, jobs that are given again
-- when a worker falls silent, and an end in order. See examples/service.md.
--
--   ./examples/run pool                             two workers, of which one falls silent
--   ./examples/run pool serve tcp://127.0.0.1:5555  lines of the standard input are jobs
--   ./examples/run pool work tcp://127.0.0.1:5555   a worker; any number of them
local eddy = require "eddy"
local new_pool = require "pool.pool"
local new_worker = require "pool.worker"
local zmq = require "eddy.zmq"

local loop, context = eddy.loop.instance(), zmq.instance()

local function serve(endpoint)
  local pool = new_pool(eddy.stream(context:socket(zmq.ROUTER, { bind = endpoint })))
  loop:on_stop(function()
    pool.stream:keep_receiving() -- results
    while pool.count > 0 do eddy.sleep(10) end
    print "all is done"
  end)
  return pool
end

local function work(endpoint)
  local dealer = context:socket(zmq.DEALER, { linger = 1000, connect = endpoint })
  new_worker(eddy.stream(dealer), function(text)
    eddy.sleep(20) -- whatever a job takes
    return text:upper()
  end)
end

local function put(pool, text)
  pool:put(text, function(result, reason)
    print(text, result or reason)
    if pool.last and pool.count == 0 then loop:stop_gracefully() end
  end)
end

local function serve_lines(endpoint)
  local pool = serve(endpoint)
  io.stdin:setvbuf "no"
  loop:add_handler(io.stdin, function()
    local line = not loop:stopping() and io.read()
    if line then return put(pool, line) end
    loop:remove_handler(io.stdin)
    pool.last = true
    if pool.count == 0 then loop:stop_gracefully() end
  end)
end

local function all()
  local pool = serve "inproc://pool"
  work "inproc://pool"
  context:socket(zmq.DEALER, { connect = "inproc://pool" }):send "ready" -- and nothing else, ever
  for _, word in ipairs { "one", "two", "three" } do put(pool, word) end
  pool.last = true
end

local parts = { serve = serve_lines, work = work, all = all }
local part = parts[arg[1] or "all"]
if not part or arg[1] and not arg[2] then
  io.stderr:write "usage: pool [serve|work ENDPOINT]\n"
  os.exit(2)
end
part(arg[2])
