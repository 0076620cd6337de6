-- What runs in the middle of a call: it does what eddy can do, with sockets, streams, frames and
-- pollers of its own, and sees whether its own results are right.
local ffi = require "ffi"
local eddy = require "eddy"
local log = require "eddy.log"
local zmq = require "eddy.zmq"

local M = {}

--- A message whose second part nobody holds: it is made up as it is asked for.
function M.made_up(n)
  local list = { "first", "second", "third", "last" }
  list[2] = nil -- of four it leaves the length as it is
  return setmetatable(list, { __index = function(_, k)
    return k == 2 and "made up " .. n or nil
  end })
end

-- What it does, one after the other: each gets the hostile's own things and a number, and returns
-- what came, and what should have.
local deeds = {}

function deeds.parts(own, n)
  local list = { "hostile", "part " .. n, ("x"):rep(n % 50), "", "last" }
  own.a:send_multipart(list)
  return table.concat(own.b:recv_multipart(), "|"), table.concat(list, "|")
end

function deeds.one(own, n)
  own.a:send("hostile " .. n .. ("y"):rep(n % 60))
  return own.b:recv(), "hostile " .. n .. ("y"):rep(n % 60)
end

function deeds.frame(own, n)
  own.a:send(zmq.frame("hostile frame " .. n))
  local frame = own.b:recv(0, false)
  local text = frame.bytes
  frame:close()
  return text, "hostile frame " .. n
end

function deeds.made_up(own, n)
  own.a:send_multipart(M.made_up(n))
  return table.concat(own.b:recv_multipart(), "|"), ("first|made up %d|third|last"):format(n)
end

function deeds.nothing(own) return select(2, own.b:recv(zmq.DONTWAIT)).name, "EAGAIN" end

function deeds.options(own, n)
  own.a.linger, own.b.maxmsgsize = n % 1000, 10000 + n
  local got = { own.a.linger, own.b.maxmsgsize, own.a.last_endpoint }
  return table.concat(got, " "), table.concat({ n % 1000, 10000 + n, own.endpoint }, " ")
end

function deeds.poll(own)
  local ready = own.poller:poll(0)
  return tostring(ready[own.a]) .. tostring(ready[own.b]), zmq.POLLOUT .. "nil"
end

function deeds.event(_, n)
  local head = ffi.string(ffi.new("uint16_t[3]", 2 ^ (n % 10), 7, 0), 6)
  local event = zmq.parse_monitor_message { head, "inproc://" .. n }
  return event.event .. " " .. event.value .. event.endpoint,
    2 ^ (n % 10) .. " " .. "7inproc://" .. n
end

function deeds.stream(own, n)
  own.told, own.received = nil, nil
  own.left:send_multipart({ "stream", tostring(n) }, own.tell)
  own.left:flush()
  own.right:flush()
  return own.told .. own.received, ("stream|" .. n):rep(2)
end

function deeds.error(own, n)
  return tostring(select(2, pcall(own.a.bind, own.a, "nonsense:" .. n))),
    ("bind nonsense:%d: an endpoint begins with its transport: tcp://nonsense:%d: " ..
      "Invalid argument (EINVAL)"):format(n, n)
end

function deeds.z85(_, n)
  local text = ("%08d"):format(n)
  return zmq.z85_decode(zmq.z85_encode(text)), text
end

function deeds.stats(own)
  local stats = own.device:stats()
  return stats.in_received .. tostring(stats.paused), "0false"
end

function deeds.log(own, n)
  own.logger:info("record %d", n)
  return table.concat(own.reader:recv_multipart(), "|"), "INFO|record " .. n .. "\n"
end

local names = {}
for name in pairs(deeds) do names[#names + 1] = name end
table.sort(names)

local function open(self)
  local context = zmq.context()
  self.context, self.loop = context, eddy.loop.new()
  local function pair(name, a, b)
    local endpoint = ("inproc://hostile-%s-%s"):format(name, tostring(self):match("0x(.*)"))
    return context:socket(a, { linger = 0, bind = endpoint }),
      context:socket(b, { linger = 0, connect = endpoint, subscribe = b == zmq.SUB and "" or nil })
  end
  self.a, self.b = pair("plain", zmq.PAIR, zmq.PAIR)
  self.endpoint = self.a.last_endpoint
  self.poller = zmq.poller()
  self.poller:register(self.a, zmq.POLLOUT)
  self.poller:register(self.b, zmq.POLLIN)
  local a, b = pair("stream", zmq.PAIR, zmq.PAIR)
  self.left, self.right = eddy.stream(a, self.loop), eddy.stream(b, self.loop)
  self.tell = { callback = function(msg) self.told = table.concat(msg, "|") end }
  self.right:on_recv(function(msg) self.received = table.concat(msg, "|") end)
  local pub
  pub, self.reader = pair("log", zmq.PUB, zmq.SUB)
  self.logger = log.logger { handlers = { log.pub_handler(pub) } }
  self.device = eddy.devices.device(zmq.QUEUE, zmq.PAIR, zmq.PAIR)
  self.device:start()
  -- Until the subscription is there.
  repeat self.logger:info("first") until self.reader:poll(1) > 0
  while self.reader:poll(0) > 0 do self.reader:recv_multipart() end
end

local Hostile = {}
Hostile.__index = Hostile

--- Does the next thing.
function Hostile:act()
  local n = self.count + 1
  self.count = n
  local name = names[n % #names + 1]
  local ok, got, expected = pcall(deeds[name], self, n)
  if ok and got == expected or #self.wrong > 5 then return end
  self.wrong[#self.wrong + 1] = ("%s: got %q, expected %q"):format(name, tostring(got),
    tostring(expected))
end

--- Calls fn while a hook calls `act` at each of its instructions, and those of all coroutines.
-- @return what pcall does
function M.hook(act, fn)
  debug.sethook(act, "", 1)
  local results = { pcall(fn) }
  debug.sethook()
  return unpack(results)
end

--- Calls fn while finalizers call `act` wherever memory is allocated.
function M.finalize(act, fn)
  local left, is_on = 0, true
  local function finalizer()
    left = left - 1
    if is_on then act() end
  end
  local function stock(count)
    left = left + count
    for _ = 1, count do getmetatable(newproxy(true)).__gc = finalizer end
  end
  -- Once the first of them has run, the others do as memory is allocated.
  local function begin()
    is_on = false
    stock(3000)
    local all = left
    repeat collectgarbage("step", 0) until left < all
    is_on = true
  end
  begin()
  local results = { pcall(fn) }
  is_on = false
  collectgarbage()
  return unpack(results)
end

function Hostile:close()
  self.device:stop()
  self.device:join()
  self.loop:close()
  self.context:destroy(0)
end

--- Makes one.
function M.new()
  local self = setmetatable({ count = 0, wrong = {} }, Hostile)
  open(self)
  return self
end

--- A list of n words that differ, each longer than the one before.
function M.words(n, text)
  local list = {}
  for i = 1, n do list[i] = text .. i .. ("."):rep(i * 7) end
  return list
end

return M
