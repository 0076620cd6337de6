-- A notice board on the web, behind Pushpin: a proxy that keeps thousands of HTTP connections,
-- asks this program over ZeroMQ what to do with each request (ZHTTP), and sends what it publishes
-- to all who wait. Who was away gets what was missed.
--
--   ./examples/run pushpin                shows both sides without Pushpin, and ends
--   ./examples/run pushpin serve tcp://127.0.0.1:10000 tcp://127.0.0.1:5560    and beside it
--   pushpin --route '* zhttpreq/tcp://127.0.0.1:10000'     (Debian's package is called so, too)
--
-- Then open http://127.0.0.1:7999/ in some browsers, or:
--   curl -N http://127.0.0.1:7999/notices & curl -d 'tea is ready' http://127.0.0.1:7999/notices
--
-- Any number of these programs may share the requests of a Pushpin; each has its own board, so that
-- a real one would keep the notices in a database.
local eddy = require "eddy"
local zmq = require "eddy.zmq"
local tnetstring = require "pushpin.tnetstring"

local KEPT = 100 -- notices, for those who were away
local MOST_BYTES = 1000 -- of a notice
local CHANNEL = "notices"

local PAGE = [[
<!DOCTYPE html>
<title>notices</title>
<form><input name="text" size="60" maxlength="200" autofocus> <button>post</button></form>
<ul></ul>
<script>
const list = document.querySelector("ul"), form = document.querySelector("form");
new EventSource("/notices").onmessage = event => {
  const item = document.createElement("li");
  item.textContent = event.data;
  list.prepend(item);
};
form.onsubmit = event => {
  event.preventDefault();
  fetch("/notices", { method: "POST", body: form.text.value });
  form.reset();
};
</script>
]]

local loop, context = eddy.loop.instance(), zmq.instance()

-- As browsers expect them of an event stream; a line break would begin another field.
local function event_of(number, text)
  return ("id: %d\ndata: %s\n\n"):format(number, (text:gsub("[%c]+", " ")))
end

-- A board: functions that answer requests, by method and path.
local function new_board(publish)
  local first, last, notices = 1, 0, {}
  local board = {}

  board["GET /"] = function() return 200, PAGE, { { "Content-Type", "text/html" } } end

  board["GET /notices"] = function(_, headers)
    local seen = tonumber(headers["last-event-id"]) or 0
    local missed = {}
    for i = math.max(first, seen + 1), last do missed[#missed + 1] = event_of(i, notices[i]) end
    -- The connection stays open, and gets what is published in the channel.
    return 200, table.concat(missed), { { "Content-Type", "text/event-stream" },
      { "Grip-Hold", "stream" }, { "Grip-Channel", CHANNEL } }
  end

  board["POST /notices"] = function(request)
    local text = request.body or ""
    if text == "" or #text > MOST_BYTES then return 400, "1 to " .. MOST_BYTES .. " bytes\n" end
    last = last + 1
    notices[last] = text
    if last - first >= KEPT then notices[first], first = nil, first + 1 end
    publish(event_of(last, text))
    return 200, "posted as " .. last .. "\n"
  end

  return board
end

local function headers_of(request)
  local headers = {}
  for _, each in ipairs(request.headers or {}) do headers[each[1]:lower()] = each[2] end
  return headers
end

-- What is said to a request; its handler may wait for others, as all that eddy calls.
local function respond(board, request)
  local path = tostring(request.uri):match "^%w+://[^/]+([^?#]*)" or "?"
  local answer = board[tostring(request.method) .. " " .. path]
  if not answer then return 404, "GET /, GET /notices, or POST /notices\n" end
  local ok, code, body, headers = pcall(answer, request, headers_of(request))
  if ok then return code, body, headers end
  io.stderr:write(tostring(request.method), " ", path, ": ", tostring(code), "\n")
  return 500, "it failed\n"
end

local function serve(requests_endpoint, publish_endpoint)
  local pushes = eddy.stream(context:socket(zmq.PUSH, { connect = publish_endpoint }))
  local board = new_board(function(content)
    local ok, err = pushes:send(tnetstring.encode {
      channel = CHANNEL, formats = { ["http-stream"] = { content = content } } })
    if not ok then io.stderr:write("not published: ", err.message, "\n") end
  end)
  local requests = eddy.stream(context:socket(zmq.ROUTER, { connect = requests_endpoint }))
  requests.name = "requests"
  requests:set_concurrency(100)
  requests:on_recv(function(msg)
    local text = msg[#msg]
    local request = text:sub(1, 1) == "T" and tnetstring.decode(text:sub(2))
    if type(request) ~= "table" or not request.id then return end
    local code, body, headers = respond(board, request)
    msg[#msg] = "T" .. tnetstring.encode { id = request.id, code = code, body = body,
      reason = code == 200 and "OK" or "Refused",
      headers = headers or { { "Content-Type", "text/plain" } } }
    requests:send_multipart(msg)
  end)
end

-- Asks as Pushpin does.
local function show()
  local front = require("eddy.green").instance():socket(zmq.DEALER, { bind = "inproc://requests" })
  local published = eddy.stream(context:socket(zmq.PULL, { bind = "inproc://published" }))
  local seen = eddy.event()
  published:on_recv(function(msg)
    local item = assert(tnetstring.decode(msg[1]))
    print("published:", (item.formats["http-stream"].content:gsub("\n", " ")))
    seen:set()
  end)
  serve("inproc://requests", "inproc://published")
  for i, each in ipairs { { "GET", "/" }, { "POST", "/notices", "tea is ready" },
      { "GET", "/notices" }, { "GET", "/nowhere" } } do
    front:send_multipart { "", "T" .. tnetstring.encode { id = tostring(i), method = each[1],
      uri = "http://127.0.0.1" .. each[2], headers = {}, body = each[3] or "" } }
    local answer = assert(tnetstring.decode(front:recv_multipart()[2]:sub(2)))
    print(each[1] .. " " .. each[2], answer.code, answer.body:match "[^\n]+")
  end
  seen:wait():await()
  front:close()
  loop:stop_gracefully()
end

if arg[1] == "serve" and arg[3] then
  serve(arg[2], arg[3])
  print("answering what comes from " .. arg[2])
  io.stdout:flush()
elseif arg[1] then
  io.stderr:write "usage: pushpin [serve ENDPOINT-OF-REQUESTS ENDPOINT-TO-PUBLISH]\n"
  os.exit(2)
else
  show()
end
