-- What does in the process, on its loop, what the control socket asks for.
local errors = require "eddy.base.errors"
local traceback = require "eddy.base.traceback"
local history = require "eddy.control.history"
local verbs = require "eddy.control.list"
local zmq = require "eddy.zmq"
local json = require "eddy.zmq.json"

local M = {}

local BEGIN_MS = 10000 -- for the other end to say how it began
local MOST_A_TURN = 20
local MOST_BYTES = 4 * 2 ^ 20 -- of an answer

local allows_eval
local socket
local attached -- the loop on which it is read
local running = {} -- tasks, by the number of what they do

local function send(number, kind, message)
  local ok, text = pcall(json.encode, message)
  if not ok then
    text = json.encode { error = "the answer cannot be sent: " .. errors.text_of(text) }
  elseif #text > MOST_BYTES then
    text = json.encode { error = "the answer is too large" }
  end
  if not socket.closed then socket:send_multipart({ number, kind, text }, zmq.DONTWAIT) end
end

local function trace(err)
  if type(err) == "table" and err.is_refusal then return err end
  return { text = errors.text_of(err), traceback = traceback.of(nil, errors.text_of(err), 2) }
end

-- Does it, and answers.
local function answer(number, verb, args, context)
  local ok, result = xpcall(verb.run, trace, args, context)
  if ok then return send(number, "answer", { answer = result == nil and true or result }) end
  send(number, "answer", { error = result.text, traceback = result.traceback })
end

local function cancel(number)
  local task = running[number]
  if task then task:interrupt "interrupted" end
end

-- A task that ends by itself, or by its request's end, and keeps the loop no longer alive.
local function answer_in_task(number, verb, args, context)
  send(number, "begun", {})
  local task = attached:spawn(answer, number, verb, args, context)
  task.name = "eddy ctl"
  if task.unref then task:unref() end
  running[number] = task
  task:add_done_callback(function()
    running[number] = nil
    if task:error() then send(number, "answer", { error = errors.text_of(task:error()) }) end
  end)
end

local function begin(number, request)
  if request.verb == "cancel" then return cancel(number) end
  local verb = verbs.get(request.verb)
  if not verb then
    return send(number, "answer", { error = "no such verb: " .. request.verb })
  end
  local context = { allows_eval = allows_eval, loop = attached,
    tell = function(part) send(number, "part", { part = part }) end }
  local run = verb.waits and answer_in_task or answer
  run(number, verb, request.args or {}, context)
end

local function receive()
  for _ = 1, MOST_A_TURN do
    local msg = socket:recv_multipart(zmq.DONTWAIT)
    if not msg then return end
    begin(msg[1], json.decode(msg[2]))
  end
end

--- Makes its end of the way to the thread of the control socket, which says first whether it
-- listens: nothing, or what is wrong, as the second part of a message.
-- @param settings { endpoint =, allows_eval = }
function M.open(settings)
  allows_eval = settings.allows_eval
  socket = zmq.instance():socket(zmq.PAIR, { linger = 0, rcvtimeo = BEGIN_MS,
    bind = settings.endpoint })
  rawset(socket, "close", function() end) -- by a loop that is closed with all that it has
  history.begin()
  return socket
end

--- This loop runs now: what is asked for is done on it, and keeps it no longer alive than it would
-- be.
function M.attach(loop)
  if not socket or attached == loop then return end
  if attached and not attached._closed then
    attached._expected = attached._expected - 1
    attached:remove_handler(socket)
  end
  attached = loop
  loop:add_handler(socket, receive)
  loop._expected = loop._expected + 1
end

return M
