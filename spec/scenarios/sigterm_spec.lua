-- SIGTERM at random moments while there is much to do: what was begun comes to its end, or is told.
local full = require "spec.support.full"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local MOMENTS = tonumber(os.getenv "EDDY_MOMENTS") or full.size(20, 1000)
local LATEST_MS = 60 -- after the first message

-- What all of them begin with. Each piece of work is noted when it begins and when it has ended.
local HEAD = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local green, async = require("eddy.green").instance(), require("eddy.async").instance()
  local dir, is_ready = ..., false
  local loop, number = eddy.loop.instance(), 0
  local journal = io.open(dir .. "/journal", "w")
  journal:setvbuf("no")
  math.randomseed(tonumber((tostring({}):match("0x(%x+)"))) or tonumber(tostring({}):sub(-6), 16))
  local function begin()
    if not is_ready then
      is_ready = true
      local pipe = io.open(dir .. "/ready", "w") pipe:write("ready\n") pipe:close()
    end
    number = number + 1
    journal:write("begin ", number, "\n")
    return number
  end
  local function finish(which) journal:write("end ", which, "\n") end
  local function bind(of, kind, name)
    return of:socket(zmq[kind], { linger = 0, bind = "ipc://" .. dir .. "/" .. name })
  end
  local function inner(of, kind, name, how)
    return of:socket(zmq[kind], { linger = 0, [how] = "inproc://" .. name })
  end
  -- What a task or handler asks in the middle of its work.
  local backend = eddy.stream(inner(zmq.instance(), "ROUTER", "backend", "bind"))
  backend:set_concurrency(math.huge)
  backend:on_recv(function(msg)
    eddy.sleep(math.random(0, 2))
    backend:send_multipart(msg)
  end)
]]

-- Those that serve what a client sends to the PULL socket "jobs", or asks the ROUTER or REP.
local WORKERS = {
  ["handlers that end at once, and send on"] = [[
    local jobs = eddy.stream(bind(zmq.instance(), "PULL", "jobs"))
    local results = eddy.stream(zmq.instance():socket(zmq.PUSH,
      { connect = "ipc://" .. dir .. "/results" }))
    jobs:on_recv(function(msg)
      local this = begin()
      results:send(tostring(this))
      finish(this)
    end)]],
  ["handlers that wait"] = [[
    local jobs = eddy.stream(bind(zmq.instance(), "PULL", "jobs"))
    jobs:set_concurrency(8)
    jobs:on_recv(function(msg)
      local this = begin()
      eddy.sleep(math.random(0, 3))
      finish(this)
    end)]],
  ["handlers that ask others"] = [[
    local jobs = eddy.stream(bind(zmq.instance(), "PULL", "jobs"))
    jobs:on_recv(function(msg)
      local this = begin()
      local req = inner(green, "REQ", "backend", "connect")
      req:send("x")
      req:recv()
      req:close()
      finish(this)
    end)]],
  ["a REP's stream that answers later"] = [[
    local rep = eddy.stream(bind(zmq.instance(), "REP", "asks"))
    rep:on_recv(function(msg)
      local this = begin()
      loop:call_later(math.random(0, 3), function()
        rep:send_multipart(msg)
        finish(this)
      end)
    end)]],
  ["a green ROUTER that asks others"] = [[
    local router = bind(green, "ROUTER", "asks")
    local dealer = inner(green, "DEALER", "backend", "connect")
    loop:spawn(function()
      while true do
        local msg = router:recv_multipart()
        local this = begin()
        dealer:send("x")
        dealer:recv()
        router:send_multipart(msg)
        finish(this)
      end
    end)]],
  ["an async REP with a poller"] = [[
    local rep = bind(async, "REP", "asks")
    local poller = require("eddy.async").poller()
    poller:register(rep, zmq.POLLIN)
    loop:spawn(function()
      while true do
        poller:poll():await()
        local msg = rep:recv_multipart(zmq.DONTWAIT):await()
        if msg then
          local this = begin()
          eddy.sleep(math.random(0, 2))
          rep:send_multipart(msg):await()
          finish(this)
        end
      end
    end)]],
  ["tasks for each message"] = [[
    local router = bind(green, "ROUTER", "asks")
    loop:spawn(function()
      while true do
        local msg = router:recv_multipart()
        local this = begin()
        loop:spawn(function()
          eddy.sleep(math.random(0, 5))
          router:send_multipart(msg)
          finish(this)
        end)
      end
    end)]],
  ["a green server in the main program"] = [[
    local rep = bind(green, "REP", "asks")
    rep:poll()
    while true do
      local msg = rep:recv_multipart()
      local this = begin()
      if math.random() < 0.5 then
        local over = loop:time() + math.random(0, 3)
        while loop:time() < over do end
      else
        eddy.sleep(math.random(0, 2))
      end
      rep:send_multipart(msg)
      finish(this)
    end]],
}

-- Sends as much as is taken, to whatever is there, and writes a dot for each result.
local CLIENT = [[
  local eddy, zmq = require "eddy", require "eddy.zmq"
  local dir = %q
  local loop = eddy.loop.instance()
  local function connected(kind, name)
    return eddy.stream(zmq.instance():socket(zmq[kind],
      { linger = 0, immediate = 1, reconnect_ivl = 5, connect = "ipc://" .. dir .. "/" .. name }))
  end
  local jobs, asks = connected("PUSH", "jobs"), connected("DEALER", "asks")
  for _, each in ipairs { jobs, asks } do
    each:set_send_limit { messages = 10, policy = "drop_newest" }
  end
  asks:on_recv(function() end)
  local file = io.open(dir .. "/results.log", "w")
  file:setvbuf("no")
  eddy.stream(zmq.instance():socket(zmq.PULL, { bind = "ipc://" .. dir .. "/results" }))
    :on_recv(function() file:write(".") end)
  loop:call_every(1, function()
    for i = 1, 4 do
      jobs:send("job")
      asks:send_multipart { "", "question" }
    end
  end)]]

describe("SIGTERM under load", function()
  local dir, client

  before_each(function()
    dir = support.temp_dir()
    client = process.start(CLIENT:format(dir))
  end)

  after_each(function()
    process.shell(("kill -KILL %d"):format(client.pid))
    os.remove(client.name)
    process.shell("rm -r " .. dir)
  end)

  -- Starts a worker and ends it at a random moment. Returns how many pieces of work it began and
  -- did not end, how many of such it told, its exit code, and what it said.
  local function moment(worker, drain, ms)
    local code, _, err = process.shell(([[
      mkfifo %s/ready
      '%s' --drain %d %s %s & pid=$!
      read line <%s/ready
      sleep %.4f
      kill -TERM $pid; wait $pid; code=$?
      rm %s/ready
      exit $code]]):format(dir, EDDY_HOST, drain, worker, dir, dir, ms / 1000, dir))
    local open, begun, told = 0, 0, 0
    for line in io.lines(dir .. "/journal") do
      local is_begun = line:find("^begin") ~= nil
      begun = begun + (is_begun and 1 or 0)
      open = open + (is_begun and 1 or -1)
    end
    for count in err:gmatch("(%d+) [%a ]-did not end") do told = told + tonumber(count) end
    for _ in err:gmatch("1 request was not answered") do told = told + 1 end
    return open, told, code, err, begun
  end

  -- Waits until so many results have come.
  local function await_results(count)
    local code = process.shell(([[
      for i in $(seq 1000); do
        [ $(stat -c %%s %s/results.log) = %d ] && exit 0; sleep 0.01
      done; exit 1]]):format(dir, count))
    assert.equal(0, code)
  end

  local worker, remove_workers = process.scripts()
  after_each(remove_workers)

  for name, text in pairs(WORKERS) do
    it("loses nothing of " .. name .. " that could end", function()
      local script, total = worker(HEAD .. text), 0
      for _ = 1, MOMENTS do
        local open, told, code, err, begun = moment(script, 30000, math.random() * LATEST_MS)
        assert.message(err).same({ 0, 0, 0 }, { open, told, code })
        total = total + begun
      end
      if text:find("results", 1, true) then await_results(total) end
      full.figure("SIGTERM under load, " .. name, "%d moments, %d pieces of work begun, none lost",
        MOMENTS, total)
    end)

    it("tells of " .. name .. " what did not end in time", function()
      local script, lost, all_told = worker(HEAD .. text), 0, 0
      for _ = 1, MOMENTS do
        local open, told, code, err = moment(script, 0, math.random() * LATEST_MS)
        assert.message(err).is_true(open <= told)
        assert.message(err).equal(told > 0 and 75 or code, code)
        lost, all_told = lost + open, all_told + told
      end
      full.figure("SIGTERM under load, without time, " .. name,
        "%d moments, %d pieces of work did not end, %d told", MOMENTS, lost, all_told)
    end)
  end
end)
