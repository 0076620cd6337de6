-- The Majordomo pattern, by its protocol: programs in other languages can be any of its parts.
--
--   ./examples/run majordomo                                    all three of them, and ends
--   ./examples/run majordomo broker tcp://127.0.0.1:5555        serves, until it is stopped
--   ./examples/run majordomo worker tcp://127.0.0.1:5555 upper  a worker of the service "upper"
--   ./examples/run majordomo client tcp://127.0.0.1:5555 upper "some text"
local eddy = require "eddy"
local Broker = require "majordomo.broker"
local Client = require "majordomo.client"
local Worker = require "majordomo.worker"

local loop = eddy.loop.instance()

local function broker(endpoint, heartbeat)
  local started = Broker.start({ bind = endpoint }, { heartbeat = tonumber(heartbeat) })
  loop:on_stop(function() started:close() end)
  print("majordomo broker at " .. started.stream.socket.last_endpoint)
  io.stdout:flush()
  return started
end

local function worker(endpoint, service, heartbeat)
  local started = Worker.start(service, function(body)
    if body[1] == "" then error "nothing to do" end
    return (string[service] or string.reverse)(body[1])
  end, { connect = endpoint }, tonumber(heartbeat))
  loop:on_stop(function() started:close() end)
  return started
end

local function client(endpoint, service, ...)
  local started = Client.new { connect = endpoint }
  for _, text in ipairs { ... } do
    local reply, err = started:call(service, text)
    print(reply and table.concat(reply, " ") or "no reply: " .. err.message)
  end
  started:close()
end

local function all()
  local endpoint = broker("tcp://127.0.0.1:*").stream.socket.last_endpoint
  worker(endpoint, "upper")
  for _ = 1, 2 do worker(endpoint, "reverse") end
  eddy.gather(
    eddy.spawn(client, endpoint, "upper", "all in capitals"),
    eddy.spawn(client, endpoint, "reverse", "abc", "and another one"),
    eddy.spawn(client, endpoint, "mmi.service", "upper", "lower")
  ):await()
  loop:stop_gracefully()
end

local parts = { broker = broker, worker = worker, client = client, all = all }
local part = parts[arg[1] or "all"]
if not part or arg[1] and not arg[2] then
  io.stderr:write "usage: majordomo [broker|worker|client ENDPOINT [SERVICE [TEXT...]]]\n"
  os.exit(2)
end
part(select(2, ...))
