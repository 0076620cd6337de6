-- Random receives on green and async sockets and from queues, under limits, in gathers and firsts,
-- in tasks that await each other, cancelled at any moment, under a virtual clock. The model is a
-- list for each socket: every message is with a caller or received next, once, and in order.
-- EDDY_SEQUENCES and EDDY_SEED are as in sequences_spec.
local C = require("eddy.base.libeddy").C
local async = require "eddy.async"
local eddy = require "eddy"
local green = require "eddy.green"
local zmq = require "eddy.zmq"

local COUNT = math.ceil(tonumber(os.getenv("EDDY_SEQUENCES") or 5000) / 10)
local SEED = tonumber(os.getenv("EDDY_SEED")) or os.time() % 1e6 * 1000
local STEPS, SOCKETS = 25, 3
local random = math.random

local names = 0

describe("random receives that are ended", function()
  local loop, contexts, sockets, receivers, trace

  local function note(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    trace[#trace + 1] = table.concat(words, " ")
  end

  -- What a queue has of a socket.
  local function queue_socket()
    local queue = eddy.queue(random(0, 3))
    local pull = setmetatable({}, { __tostring = function() return tostring(queue) end })
    function pull.recv(_, flags)
      if not flags then return queue:get() end
      return (queue:try_get())
    end
    function pull.poll(_, ms) return eddy.sleep(ms) and queue:size() end
    function pull.close() queue:close() end
    pull.recv_json, pull.recv_multipart = pull.recv, pull.recv
    local push = { send = function(_, value) queue:put(value) end, close = function() end }
    return { pull = pull, push = push, is_async = true, sent = 0, calls = {} }
  end

  local function open()
    sockets, receivers, trace = {}, {}, {}
    for i = 1, SOCKETS - 1 do
      names = names + 1
      local kind = contexts[random(2)]
      local pull = kind:socket(zmq.PULL, { linger = 0, bind = "inproc://receivers-" .. names })
      sockets[i] = { pull = pull, is_async = kind == contexts[2], sent = 0, calls = {},
        push = contexts[3]:socket(zmq.PUSH, { linger = 0, connect = pull.last_endpoint }) }
    end
    sockets[SOCKETS] = queue_socket()
  end

  -- One that is going to receive: `calls` has those who asked, in the order in which they did.
  local function receiver(socket, name)
    local self = { socket = socket, name = name }
    receivers[#receivers + 1] = self
    return self
  end

  local function ask(self)
    local calls = self.socket.calls
    calls[#calls + 1] = self
    if random(4) == 1 then
      local parts, err = self.socket.pull:recv_multipart()
      if not parts then return nil, err end
      local function head(list) return type(list) == "table" and list[1] or list end
      return parts._map and parts:_map(head) or head(parts)
    end
    return self.socket.pull[random(4) == 1 and "recv_json" or "recv"](self.socket.pull)
  end

  local function receive(self)
    local got, err = ask(self)
    if self.socket.is_async then return got:await() end
    return got, err
  end

  local function nested(self, depth)
    if depth == 0 then return receive(self) end
    return eddy.spawn(nested, self, depth - 1):await()
  end

  local forms = {}

  function forms.task(self) return loop:spawn(receive, self) end
  function forms.chain(self) return loop:spawn(nested, self, random(4)) end
  function forms.future(self) return self.socket.is_async and ask(self) or forms.task(self) end

  function forms.late(self)
    return loop:spawn(function()
      if not eddy.sleep(random(0, 3)) then return end
      local ready = self.socket.pull:poll(random(0, 3))
      if type(ready) == "table" then ready:await() end
      return receive(self)
    end)
  end

  function forms.limit(self) return eddy.with_timeout(random(0, 5), forms.future(self)) end

  function forms.limits(self)
    return eddy.with_timeout(random(0, 5), loop:spawn(function()
      return eddy.with_timeout(random(0, 5), forms.chain(self)):await()
    end))
  end

  -- One that keeps what it received itself, and waits again.
  function forms.keeper(self)
    self.kept = {}
    return loop:spawn(function()
      for _ = 1, 3 do
        local got = receive(self)
        if not got then return end
        table.insert(self.kept, got)
      end
    end)
  end

  local order = { "task", "chain", "future", "late", "limit", "limits", "keeper" }

  local function start(socket)
    local form = order[random(#order)]
    local self = receiver(socket, form)
    self.future = forms[form](self)
    return self
  end

  local operations = {}

  function operations.send()
    local socket = sockets[random(SOCKETS)]
    for _ = 1, random(2) do
      socket.sent = socket.sent + 1
      note("send", socket.pull, socket.sent)
      socket.push:send(tostring(socket.sent))
    end
  end

  function operations.receive()
    local self = start(sockets[random(SOCKETS)])
    note("receive", self.socket.pull, self.name)
  end

  function operations.gather()
    local members = {}
    for i = 1, random(3) do members[i] = start(sockets[random(SOCKETS)]).future end
    note("gather", #members)
    local all = eddy.gather(members)
    if random(2) == 1 then all = eddy.with_timeout(random(0, 5), all) end
    receivers[#receivers + 1] = { future = all, name = "gather" }
    all:add_done_callback(function() all:error() end)
  end

  function operations.first()
    local members = { cancel = random(2) == 1 }
    for i = 1, random(3) do members[i] = start(sockets[random(SOCKETS)]).future end
    note("first", #members, members.cancel)
    local first = eddy.first(members)
    if random(2) == 1 then first = eddy.with_timeout(random(0, 5), first) end
    receivers[#receivers + 1] = { future = first, name = "first" }
    first:add_done_callback(function() first:error() end)
  end

  function operations.cancel()
    local self = receivers[random(math.max(1, #receivers))]
    if not self or not self.future then return end
    local ended = self.future:cancel()
    note("cancel", self.name, ended)
    assert.equal(ended, ended and self.future:cancelled())
  end

  local ACTS = { "send", "send", "receive", "receive", "gather", "first", "cancel" }

  local function act() operations[ACTS[random(#ACTS)]]() end

  local function soon()
    if random(2) == 1 then act() else loop:call_later(random(0, 5), act) end
  end

  local function run(turns)
    local left = turns * 2 -- it is asked twice a turn
    loop:_run_within(function()
      left = left - 1
      return left > 0 and 1e-4 or 0
    end)
  end

  -- run_sync, as the main program has it.
  local function run_sync()
    local self = receiver(sockets[random(SOCKETS)], "run_sync")
    local got = loop:run_sync(function()
      for _ = 1, 5 do soon() end
      return receive(self)
    end, random(0, 5))
    note("run_sync", self.socket.pull, got)
    self.kept = { got }
  end

  local function result_of(self)
    if self.kept then return self.kept end
    if not self.future:done() or self.future:error() then return {} end
    return { (self.future:result()) }
  end

  local function check(socket)
    local last = 0
    local function next_one(got, whose)
      got = tonumber(got)
      assert.message(("%s: %s got %s after %d"):format(tostring(socket.pull), whose,
        tostring(got), last)).equal(last + 1, got)
      last = got
    end
    local handled, list = {}, {}
    for _, self in ipairs(socket.calls) do
      if not handled[self] then
        handled[self] = true
        for _, got in ipairs(result_of(self)) do list[#list + 1] = { tonumber(got), self.name } end
      end
    end
    -- A keeper asks several times: the order is told by those that ask once.
    table.sort(list, function(a, b) return a[1] < b[1] end)
    for _, each in ipairs(list) do next_one(each[1], each[2]) end
    local before = 0
    for _, self in ipairs(socket.calls) do
      if not self.kept then
        local got = tonumber((result_of(self)[1]))
        if got then
          assert.message("order of " .. self.name).is_true(got > before)
          before = got
        end
      end
    end
    while true do
      local got = socket.pull:recv(zmq.DONTWAIT)
      if type(got) == "table" then got = got:error() == nil and got:result() or nil end
      if not got then break end
      next_one(got, "the next receive")
    end
    assert.message(tostring(socket.pull)).equal(socket.sent, last)
  end

  local function play(seed)
    math.randomseed(seed)
    open()
    local ok, problem = xpcall(function()
      for _ = 1, STEPS do
        soon()
        if random(2) == 1 then run(random(3)) end
        if random(10) == 1 then run_sync() end
      end
      repeat run(10) until loop:stats().timers == 0
      for _, self in ipairs(receivers) do
        if self.future then self.future:cancel() end
      end
      run(20)
      assert.equal(0, loop._waiters)
      assert.equal(0, loop:stats().timers)
      for _, socket in ipairs(sockets) do check(socket) end
    end, debug.traceback)
    for _, socket in ipairs(sockets) do
      socket.pull:close(0)
      socket.push:close(0)
    end
    if not ok then
      error(("seed %d: %s\n%s"):format(seed, tostring(problem), table.concat(trace, "\n")), 0)
    end
  end

  it("lose no message, double none, and keep their order", function()
    contexts = { green.context(), async.context(), zmq.context() }
    for seed = SEED, SEED + COUNT - 1 do
      loop = eddy.loop.new()
      loop._log = function(_, text) error("logged: " .. text, 0) end
      C.eddy_loop_virtual_time(loop._c, 0)
      loop:make_current()
      play(seed)
      loop:close()
    end
    eddy.loop.clear_current()
    for _, context in ipairs(contexts) do context:destroy(0) end
  end)
end)
