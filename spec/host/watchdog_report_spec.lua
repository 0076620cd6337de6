-- The watchdog's report runs in the middle of a handler, and is logged over a socket.
local full = require "spec.support.full"
local process = require "spec.support.process"

local MESSAGES = full.size(60000, 1000000)

-- Handlers that send and receive messages of several kinds, and compare them, for some ms each,
-- and are reported each time.
local script = [[
  local eddy, log = require "eddy", require "eddy.log"
  local zmq = eddy.zmq
  local messages, loop, context = %d, eddy.loop.instance(), zmq.instance()
  local function pair(name, a, b)
    local endpoint = "inproc://" .. name
    return context:socket(a, { bind = endpoint, hwm = 0 }),
      context:socket(b, { connect = endpoint, hwm = 0 })
  end
  local pub, sub = pair("log", zmq.PUB, zmq.SUB)
  sub:subscribe ""
  local logger = log.logger { handlers = { log.pub_handler(pub) } }
  local reports = 0
  eddy.loop.set_log(function(text)
    reports = reports + 1
    logger:warn(text)
  end)
  local a, b = pair("plain", zmq.PAIR, zmq.PAIR)
  local sender, receiver = pair("stream", zmq.PAIR, zmq.PAIR)
  local stream = eddy.stream(sender)
  local wrong, count, first, told = 0, 0, nil, 0
  local function compare(got, expected)
    if got == expected then return end
    wrong, first = wrong + 1, first or got
  end
  local function exchange(n)
    local text = ("a%%d b%%d c%%d d%%d e%%d f%%d"):format(n, n, n, n, n, n)
    local list = {}
    for part in text:gmatch "%%S+" do list[#list + 1] = part end
    a:send_multipart(list)
    compare(table.concat(b:recv_multipart(), " "), text)
    stream:send_multipart(list, { callback = function(msg)
      told = told + 1
      compare(table.concat(msg, " "), text)
    end })
    compare(table.concat(receiver:recv_multipart(), " "), text)
    a.linger = n %% 1000
    compare(a.linger, n %% 1000)
  end
  loop:call_every(0.1, function()
    for _ = 1, 3000 do
      if count == messages then break end
      count = count + 1
      exchange(count)
    end
    if count == messages then loop:add_callback(loop.stop, loop) end
  end)
  loop:start()
  stream:flush(zmq.POLLOUT)
  local logged = 0
  while sub:poll(0) > 0 do
    local record = sub:recv_multipart()
    logged = logged + 1
    if #record ~= 2 or record[1] ~= "WARN" or not record[2]:find "its handler has run for" then
      compare(table.concat(record, " "), "a record of a report")
    end
  end
  print(count, wrong, tostring(first), told, reports == logged and reports > 0)
]]

describe("the watchdog's report", function()
  it("that goes over a socket spoils no message of the handler, nor is spoilt", function()
    local code, out, err = process.eddy("--watchdog", "report=1", "-e", script:format(MESSAGES))
    assert.message(err).equal(0, code)
    assert.equal(("%d\t0\tnil\t%d\ttrue\n"):format(MESSAGES, MESSAGES), out)
    full.figure("A report in the middle of a handler, over a socket", "0 of %d messages spoilt",
      MESSAGES)
  end)
end)
