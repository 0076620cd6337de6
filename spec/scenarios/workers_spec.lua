-- Workers under load: what becomes of requests while workers are killed, and replaced.
local devices = require "eddy.devices"
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local full = require "spec.support.full"
local ports = require "spec.support.ports"
local programs = require "spec.support.process"
local support = require "spec.lua.support"
local workers = require "spec.support.workers"

local KILLS = full.size(4, 10) -- of two workers, each of which may fail five times a minute
local REPLACED = full.size(2, 50)
local CLIENTS = 8
local AGAIN_MS = 500

-- Does each request in a few ms, of which some overlap.
local WORKER = [[
  eddy.front.worker { connect = arg[1], credit = 4, handle = function(msg)
    eddy.sleep(3)
    return { msg[1], tostring(pid) }
  end }
  tell("works", index)
]]

describe("workers", function()
  local loop, context, folder, front, program, done, wrong, seen, running
  after_each(function()
    workers.close()
    if front then
      front:stop()
      assert(front:join(5000))
    end
    front = nil
    programs.shell("rm -rf " .. folder)
  end)
  support.each(function(...) loop, context = ... end)
  before_each(function()
    folder, done, wrong, seen, running = support.temp_dir(), 0, 0, {}, true
  end)

  local function start_front()
    front = devices.front { retry = 10, drain = 0 }
    front:bind_in("ipc://" .. folder .. "/clients")
    front:bind_out("ipc://" .. folder .. "/workers")
    front:start()
    program = workers.start(loop, WORKER, { "--workers", "2" }, "ipc://" .. folder .. "/workers")
    program:wait("^works", 2)
    return "ipc://" .. folder .. "/clients"
  end

  -- One request after the other, each of them once, as long as `running`.
  local function ask_on(endpoint, name)
    local req = eddy.stream(context:socket(zmq.REQ, { connect = endpoint, linger = 0 }), loop)
    local number = 0
    local function send()
      if not running then return req:close() end
      number = number + 1
      req:send(name .. number)
    end
    req:on_recv(function(msg)
      if msg[1] == name .. number then done = done + 1 else wrong = wrong + 1 end
      if msg[2] then seen[tonumber(msg[2])] = true end
      send()
    end)
    send()
    return function() return req:closed() end
  end

  -- The same, but whoever hears nothing for a while asks again in a new connection.
  local function ask_again_on(endpoint, name)
    local dealer, number, last = nil, 0, 0
    local function send() dealer:send_multipart { "", name .. number } end
    local function open()
      if dealer then dealer:close() end
      dealer = eddy.stream(context:socket(zmq.DEALER, { connect = endpoint, linger = 0 }), loop)
      dealer:on_recv(function(msg)
        if msg[2] ~= name .. number then return end
        done, seen[tonumber(msg[3])] = done + 1, true
        number, last = number + 1, loop:time()
        if running then send() else dealer:close() end
      end)
      last = loop:time()
      send()
    end
    open()
    local timer
    timer = loop:call_every(AGAIN_MS / 10, function()
      if dealer:closed() then return timer:cancel() end
      if loop:time() - last > AGAIN_MS then open() end
    end)
    return function() return dealer:closed() end
  end

  local function begin(ask, endpoint)
    local ended = {}
    for i = 1, CLIENTS do ended[i] = ask(endpoint, ("client %d: "):format(i)) end
    return ended
  end

  local function finish(ended)
    running = false
    workers.await(loop, function()
      for _, is_over in ipairs(ended) do
        if not is_over() then return false end
      end
      return true
    end)
  end

  local function more_done(count)
    local goal = done + count
    workers.await(loop, function() return done >= goal end)
  end

  it("lose no request behind a front when they are killed", function()
    local ended = begin(ask_on, start_front())
    for i = 1, KILLS do
      more_done(math.random(20, 60))
      local lines = program:wait("^worker " .. i % 2 + 1)
      os.execute("kill -KILL " .. lines[#lines]:match "%d+$")
      program:wait("^works", i + 2)
    end
    more_done(20)
    finish(ended)
    assert.equal(0, wrong)
    assert.equal(KILLS, select(2, program:complaints():gsub("ended by SIGKILL", "")))
    assert.equal(0, program:stop())
    full.figure("workers killed under load", "%d of %d requests were lost in %d kills", wrong,
      done + wrong, KILLS)
  end)

  it("lose no request behind a front when they are replaced", function()
    local ended = begin(ask_on, start_front())
    for i = 1, REPLACED do
      more_done(50)
      program:signal "HUP"
      program:wait_for_complaint("2 workers were replaced", i)
    end
    more_done(50)
    finish(ended)
    assert.equal(0, wrong)
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.is_true(count >= 2 + REPLACED)
    assert.equal(0, program:stop())
  end)

  it("go on for clients that ask again when they are replaced", function()
    local endpoint = "tcp://127.0.0.1:" .. ports.free(1)
    program = workers.start(loop, [[
      local router = eddy.stream(context:socket(zmq.ROUTER, { bind = arg[1] }))
      router:on_recv(function(msg)
        eddy.sleep(3)
        router:send_multipart { msg[1], msg[2], msg[3], tostring(pid) }
      end)
      tell("works", index)
    ]], { "--workers", "2" }, endpoint)
    program:wait("^works", 2)
    local ended = begin(ask_again_on, endpoint)
    for i = 1, REPLACED do
      more_done(50)
      program:signal "HUP"
      program:wait_for_complaint("2 workers were replaced", i)
    end
    more_done(50)
    finish(ended)
  end)
end)
