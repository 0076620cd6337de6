local eddy = require "eddy"
local examples = require "spec.support.examples"
local process = require "spec.support.process"
local testing = require "eddy.testing"
local zmq = require "eddy.zmq"

local FOLDER = EDDY_ROOT .. "/examples/services/pool/"
local new_pool, new_worker = dofile(FOLDER .. "pool.lua"), dofile(FOLDER .. "worker.lua")

describe("the pool of the examples", function()
  local case, pool, sockets

  before_each(function()
    case, sockets = testing.new(), {}
    case:virtual_time()
    sockets[1] = zmq.instance():socket(zmq.ROUTER, { bind = "inproc://pool-spec", linger = 0 })
    pool = new_pool(eddy.stream(sockets[1], case.loop))
  end)
  after_each(function()
    pool:close()
    for _, socket in ipairs(sockets) do socket:close(0) end
    case:close()
  end)

  -- A worker that is just a socket.
  local function worker()
    local socket = zmq.instance():socket(zmq.DEALER, { connect = "inproc://pool-spec", linger = 0,
      rcvtimeo = 5000 })
    sockets[#sockets + 1] = socket
    socket:send "ready"
    return socket
  end

  it("gives a job to who is ready, and again when that one is silent", function()
    local first, result = worker(), nil
    pool:put("job", function(text) result = text end)
    case:advance(10)
    assert.same({ "1", "job" }, first:recv_multipart())
    local second = worker()
    case:advance(2900)
    second:send "ready"
    assert.is_nil((second:recv(zmq.DONTWAIT)))
    case:advance(1200)
    assert.same({ "1", "job" }, second:recv_multipart())
    second:send_multipart { "done", "1", "result" }
    case:advance(10)
    assert.equal("result", result)
    assert.equal(0, pool.count)
  end)

  it("leaves a worker alone that says that it is alive", function()
    local slow = worker()
    pool:put("job", function() end)
    case:advance(10)
    assert.same({ "1", "job" }, slow:recv_multipart())
    for _ = 1, 10 do
      slow:send "busy"
      case:advance(1000)
    end
    assert.equal(1, pool.count)
    assert.is_nil(pool.waiting[1])
  end)

  it("forgets nobody's job who says goodbye, and takes back who was silent", function()
    local leaving, result = worker(), nil
    pool:put("job", function(text) result = text end)
    case:advance(10)
    assert.same({ "1", "job" }, leaving:recv_multipart())
    leaving:send "gone"
    local late = worker()
    case:advance(10)
    assert.same({ "1", "job" }, late:recv_multipart())
    late:send_multipart { "failed", "1", "no paper" }
    pool:put("next", function(text) result = text end)
    case:advance(10)
    assert.same({ "2", "next" }, late:recv_multipart())
    late:send_multipart { "done", "2", "printed" }
    case:advance(5000) -- silent for a while, without a job
    assert.is_nil(next(pool.workers))
    late:send "ready"
    pool:put("last", function() end)
    case:advance(10)
    assert.same({ "3", "last" }, late:recv_multipart())
    assert.equal("printed", result)
  end)

  it("tells why a job failed, and when its worker ends", function()
    local dealer = zmq.instance():socket(zmq.DEALER, { connect = "inproc://pool-spec", linger = 0 })
    local stream, said = eddy.stream(dealer, case.loop), {}
    local heart = new_worker(stream, function(text)
      eddy.sleep(5000)
      return #text > 3 and text:upper() or error("too short", 0)
    end)
    for _, text in ipairs { "long enough", "two" } do
      pool:put(text, function(result, reason) table.insert(said, result or reason) end)
    end
    case:advance(10100)
    assert.same({ "LONG ENOUGH", "too short" }, said)
    case.loop:stop_gracefully()
    case:wait(function() return next(pool.workers) == nil end)
    heart:cancel()
    stream:close()
  end)

  it("gives a job up that three workers fell silent with", function()
    local reason
    pool:put("poison", function(_, text) reason = text end)
    for _ = 1, 3 do
      local socket = worker()
      case:advance(10)
      assert.same({ "1", "poison" }, socket:recv_multipart())
      case:advance(5000)
    end
    assert.equal("no worker lived to do it", reason)
  end)

  it("ends in order, as a program", function()
    local out = examples.run "pool"
    assert.matches("one\tONE\n", out)
    assert.matches("two\tTWO\n", out)
    assert.matches("all is done\n$", out)
  end)

  it("does what it was given when SIGTERM comes in the middle", function()
    local code, out, err = process.shell(([[
      EDDY='%s' POOL='%s'; dir=$(mktemp -d); mkfifo $dir/jobs
      "$EDDY" "$POOL" serve ipc://$dir/pool <$dir/jobs >$dir/done & serve=$!
      "$EDDY" "$POOL" work ipc://$dir/pool & work=$!
      exec 3>$dir/jobs
      for i in 1 2 3 4 5 6 7 8; do echo job $i >&3; done
      until grep -q JOB $dir/done; do sleep 0.01; done
      kill -TERM $serve; wait $serve; code=$?
      kill -TERM $work; wait $work || code=$?
      cat $dir/done; rm -r $dir; exit $code]]):format(EDDY_HOST, examples.path "pool"))
    assert.message(err).equal(0, code)
    assert.matches("JOB 1\n.*all is done\n$", out)
  end)
end)
