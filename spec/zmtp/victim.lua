-- Sockets of all types, for strangers. Arguments: a folder for its ipc paths, and the ports at
-- which servers wait, by type: "PULL=1234". Queues are short and handlers slow, and some do not
-- listen for a while. Writes its endpoints to the file `endpoints`, and ends at SIGTERM.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local folder = arg[1]
local loop, context = eddy.loop.instance(), zmq.instance()
local SETTINGS = { linger = 0, rcvhwm = 5, sndhwm = 5, handshake_ivl = 300, reconnect_ivl = 20,
  maxmsgsize = 1e6, max_parts = 20, max_message = 1e6 }
local HEARS = { REP = true, REQ = true, ROUTER = true, DEALER = true, PULL = true, SUB = true,
  XSUB = true, XPUB = true, PAIR = true, STREAM = true }
local SAYS = { DEALER = true, PUB = true, XPUB = true, PUSH = true, PAIR = true, XSUB = true,
  REQ = true }
local _, SECRET = zmq.curve_keypair()
local MECHANISMS = {
  NULL = {},
  PLAIN = { plain_server = true },
  CURVE = { curve_server = true, curve_secretkey = SECRET },
}

local function busy(ms)
  local till = loop:time() + ms
  while loop:time() < till do end
end

local function open(kind, more)
  local socket = context:socket(zmq[kind], SETTINGS)
  for name, value in pairs(more) do socket[name] = value end
  local stream = eddy.stream(socket, loop)
  stream:set_send_limit { messages = 100, policy = "drop_newest" }
  stream:on_err(function() end)
  if kind == "SUB" then socket:subscribe "" end
  if HEARS[kind] then
    local hear
    local function on_message(msg)
      if math.random(10) == 1 then busy(1) end
      if math.random(200) == 1 then
        stream:stop_on_recv()
        loop:call_later(math.random(100), function() if not stream:closed() then hear() end end)
      end
      if kind == "REP" or kind == "ROUTER" or kind == "STREAM" then stream:send_multipart(msg) end
    end
    function hear() stream:on_recv(on_message) end
    hear()
  end
  if SAYS[kind] then
    local timer
    timer = loop:call_every(10, function()
      if stream:closed() then return timer:cancel() end
      stream:send_multipart { "news", ("x"):rep(math.random(2000)) }
    end)
  end
  return stream
end

local lines = {}
for mechanism, settings in pairs(MECHANISMS) do
  for _, kind in ipairs { "REP", "REQ", "ROUTER", "DEALER", "PULL", "PUSH", "PUB", "SUB", "XPUB",
    "XSUB", "PAIR", "STREAM" } do
    if mechanism == "NULL" or kind ~= "STREAM" then
      local stream = open(kind, settings)
      stream:bind("tcp://127.0.0.1:*")
      local path = folder .. "/" .. mechanism .. kind
      lines[#lines + 1] = ("%s %s %s %s"):format(mechanism, kind,
        stream.socket.last_endpoint:match "%d+$", path)
      stream:bind("ipc://" .. path)
    end
  end
end

-- Those that connect begin anew now and then: what broke the protocol is not tried again.
for i = 2, #arg do
  local kind, port = arg[i]:match "(%w+)=(%d+)"
  -- A full queue is not safe when a server comes back: see what is not promised.
  local more = (kind == "ROUTER" or kind == "REP") and { rcvhwm = 0 } or {}
  local stream
  local function connect()
    if stream then stream:close() end
    stream = open(kind, more)
    stream:connect("tcp://127.0.0.1:" .. port)
    loop:call_later(math.random(400), connect)
  end
  connect()
end

local file = assert(io.open(folder .. "/endpoints.new", "w"))
file:write(table.concat(lines, "\n"), "\n")
file:close()
os.rename(folder .. "/endpoints.new", folder .. "/endpoints")
