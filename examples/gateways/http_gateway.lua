-- HTTP and WebSocket in front of ZeroMQ, on one loop: lua-http takes JSON in, a worker behind a
-- DEALER answers it. What takes too long is answered with 504, what is no JSON with 400.
--
--   ./examples/run http_gateway               asks itself, and ends
--   ./examples/run http_gateway serve 8080    serves; then, for example:
--   curl -d '{"number": 7}' http://127.0.0.1:8080/square
--
-- A browser gets a page at http://127.0.0.1:8080/ that does the same over a WebSocket.
local eddy = require "eddy"
local zmq = require "eddy.zmq"

local function need(name, package)
  local ok, module = pcall(require, name)
  if ok then return module end
  io.stderr:write("http_gateway needs ", package, "; on Debian: apt-get install ", package, "\n")
  os.exit(1)
end
local json = need("cjson.safe", "lua-cjson")
local http_server = need("http.server", "lua-http")
local http_request = require "http.request"
local new_headers = require "http.headers".new
local websocket = require "http.websocket"

-- lua-http 0.4 would go round for ever over a peer that leaves in the middle of a body.
local methods = require "http.h1_stream".methods
local read_next_chunk = methods.read_next_chunk
function methods:read_next_chunk(...)
  local chunk, err, number = read_next_chunk(self, ...)
  if chunk or err or self.body_read_type ~= "length" or self.body_read_left == 0 then
    return chunk, err, number
  end
  return nil, "the peer has left", require "cqueues.errno".EPIPE
end

local HOST = "127.0.0.1" -- only this machine: eddy's rule about binds does not hold for lua-http
local WORKER = "inproc://worker" -- or a tcp endpoint, and the worker is another program
local ANSWER_MS, READ_SECONDS, MOST_BYTES = 300, 5, 1024 * 1024
local loop = eddy.loop.instance()

-- The worker. "ms" is how long it takes.
local worker = eddy.stream(zmq.instance():socket(zmq.ROUTER, { bind = WORKER }))
worker:set_concurrency(1000)
worker:on_recv(function(msg)
  local question = json.decode(msg[3])
  if question.ms then eddy.sleep(question.ms) end
  worker:send_multipart { msg[1], msg[2], json.encode { square = question.number ^ 2 } }
end)

-- The way to it: each question has a number, and a future that waits for the answer.
local dealer = eddy.stream(zmq.instance():socket(zmq.DEALER, { connect = WORKER }))
local pending, last = {}, 0
dealer:on_recv(function(msg)
  local future = pending[msg[1]] -- none: nobody waits any more
  if future then future:set_result(msg[2]) end
end)

-- Returns an HTTP status and JSON. May be called in any coroutine, cqueues' included.
local function ask(text)
  local question = json.decode(text)
  if type(question) ~= "table" or type(question.number) ~= "number" then
    return "400", json.encode { error = 'expected JSON such as {"number": 7}' }
  end
  last = last + 1
  local id, future = tostring(last), eddy.future()
  pending[id] = future
  local sent, err = dealer:send_multipart { id, text }
  local answer
  if sent then answer, err = eddy.with_timeout(ANSWER_MS, future):await() end
  pending[id] = nil
  if answer then return "200", answer end
  return sent and "504" or "503", json.encode { error = err.message }
end

local PAGE = [[
<!DOCTYPE html>
<title>http_gateway</title>
<form><input name="text" size="40" value='{"number": 7}'> <button>ask</button></form>
<pre></pre>
<script>
const out = document.querySelector("pre"), form = document.querySelector("form");
const socket = new WebSocket("ws://" + location.host + "/");
socket.onmessage = event => out.textContent += event.data + "\n";
socket.onclose = () => out.textContent += "closed\n";
form.onsubmit = event => { event.preventDefault(); socket.send(form.text.value); };
</script>
]]

local function respond(stream, status, kind, body)
  local headers = new_headers()
  headers:append(":status", status)
  headers:append("content-type", kind)
  headers:append("content-length", tostring(#body))
  assert(stream:write_headers(headers, false, READ_SECONDS))
  assert(stream:write_chunk(body, true, READ_SECONDS))
end

local function converse(socket)
  assert(socket:accept({}, READ_SECONDS))
  for text in socket:each() do
    local status, answer = ask(text)
    assert(socket:send(status .. " " .. answer, "text", READ_SECONDS))
  end
  socket:close()
end

-- Up to MOST_BYTES; nil when there are more, which are read, too, so that the peer hears of it.
local function read_body(stream)
  local chunks, size = {}, 0
  for chunk in function() return stream:get_next_chunk(READ_SECONDS) end do
    size = size + #chunk
    if size <= MOST_BYTES then chunks[#chunks + 1] = chunk end
  end
  return size <= MOST_BYTES and table.concat(chunks) or nil
end

-- lua-http calls this in a coroutine of cqueues' for each request.
local function serve(_, stream)
  local headers = assert(stream:get_headers(READ_SECONDS))
  local method, path = headers:get ":method", headers:get ":path"
  local socket = websocket.new_from_stream(stream, headers)
  if socket then
    converse(socket)
  elseif method == "POST" and path == "/square" then
    if headers:get "expect" == "100-continue" then stream:write_continue(READ_SECONDS) end
    local body = read_body(stream)
    if not body then return respond(stream, "413", "text/plain", "too large\n") end
    local status, answer = ask(body)
    respond(stream, status, "application/json", answer .. "\n")
  elseif method == "GET" and path == "/" then
    respond(stream, "200", "text/html", PAGE)
  else
    respond(stream, "404", "text/plain", "POST /square, or GET /\n")
  end
end

local mode, port = arg[1], tonumber(arg[2] or 0)
local server = assert(http_server.listen {
  host = HOST, port = port, tls = false, cq = eddy.cqueues(), onstream = serve,
  -- Mostly peers that leave early.
  onerror = function(_, _, op, err) io.stderr:write("http: ", op, ": ", tostring(err), "\n") end,
})
assert(server:listen())
loop:on_stop(function() server:pause() end) -- what was asked already is answered
local _, _, bound = server:localname()
print(("serving http://%s:%d/"):format(HOST, bound))
io.stdout:flush()
if mode == "serve" then return end

-- Asks the gateway, as anybody would by HTTP.
eddy.cqueues.run(function()
  for _, text in ipairs { '{"number": 7}', "seven", '{"number": 7, "ms": 1000}' } do
    local request = http_request.new_from_uri(("http://%s:%d/square"):format(HOST, bound))
    request.headers:upsert(":method", "POST")
    request:set_body(text)
    local headers, stream = assert(request:go(READ_SECONDS))
    local answer = stream:get_body_as_string(READ_SECONDS)
    print(text, headers:get ":status", (answer:gsub("\n", "")))
  end
  loop:stop()
end)
