-- A server of lua-http's that answers JSON with JSON. usage: http_server.lua alone|beside|behind
-- alone: on cqueues; beside: on eddy's loop, beside a stream that receives; behind: so, and the
-- answers come from a worker behind a DEALER. Prints its port, and the stream's endpoint.
local json = require "cjson.safe"
local cqueues = require "cqueues"
local http_server = require "http.server"
local new_headers = require "http.headers".new

local how = ...
local function answer_of(text) return json.encode { square = json.decode(text).number ^ 2 } end
local answer = answer_of

local function serve(_, stream)
  assert(stream:get_headers(5))
  local body = answer(assert(stream:get_body_as_string(5)))
  local headers = new_headers()
  headers:append(":status", "200")
  headers:append("content-length", tostring(#body))
  assert(stream:write_headers(headers, false, 5))
  assert(stream:write_chunk(body, true, 5))
end

local queue
local endpoint = "-"
if how == "alone" then
  queue = cqueues.new()
else
  local eddy = require "eddy"
  local zmq = require "eddy.zmq"
  queue = eddy.cqueues()
  local socket = zmq.instance():socket(zmq.PULL, { bind = "tcp://127.0.0.1:*" })
  endpoint = socket.last_endpoint
  local count = 0
  eddy.stream(socket):on_recv(function() count = count + 1 end)
  if how == "behind" then
    local worker = eddy.stream(zmq.instance():socket(zmq.ROUTER, { bind = "inproc://worker" }))
    worker:on_recv(function(msg)
      worker:send_multipart { msg[1], msg[2], answer_of(msg[3]) }
    end)
    local dealer = eddy.stream(zmq.instance():socket(zmq.DEALER, { connect = "inproc://worker" }))
    local pending, last = {}, 0
    dealer:on_recv(function(msg)
      local future = pending[msg[1]]
      if future then future:set_result(msg[2]) end
    end)
    function answer(text)
      last = last + 1
      local id, future = tostring(last), eddy.future()
      pending[id] = future
      dealer:send_multipart { id, text }
      local body = assert(eddy.with_timeout(5000, future):await())
      pending[id] = nil
      return body
    end
  end
end

local server = assert(http_server.listen { host = "127.0.0.1", port = 0, tls = false, cq = queue,
  onstream = serve, onerror = function() end })
assert(server:listen())
print((select(3, server:localname())), endpoint)
io.stdout:flush()
if how == "alone" then assert(queue:loop()) end
