-- The control socket: a thread of its own takes requests, hands them to the loop that runs, and
-- says what keeps that one, when it does not answer.
local c = require "eddy.base.libeddy"
local place = require "eddy.control.place"
local silence = require "eddy.control.silence"
local loops = require "eddy.loop"
local watchdog = require "eddy.loop.watchdog"
local new_stream = require "eddy.stream"
local zmq = require "eddy.zmq"
local json = require "eddy.zmq.json"

local C = c.C

local M = { ENDPOINT = "inproc://eddy.control" }

local SILENCE_MS = 200
local USUAL_MS, MOST_MS = 5000, 86400e3
local MOST_BYTES = 2 ^ 20 -- of a request
local MOST_WAITING = 100  -- requests

local Server = {}
Server.__index = Server

function Server:tell(identity, message)
  if self.front._id then self.front:send_multipart { identity, json.encode(message) } end
end

-- The request is over.
function Server:forget(serial)
  local request = self.waiting[serial]
  if not request then return end
  self.waiting[serial], self.count = nil, self.count - 1
  request.silence:cancel()
  request.limit:cancel()
  return request
end

function Server:fail(serial, text)
  local request = self:forget(serial)
  if request then self:tell(request.identity, { id = request.id, error = text }) end
end

-- The loop has not answered for a while. What it has begun may wait, and is told of when a handler
-- keeps the loop from going on.
function Server:note_silence(serial)
  local request = self.waiting[serial]
  local is_silent = not request.is_begun or silence.busy_for(self.pid) >= SILENCE_MS
  if is_silent and request.is_cancelled then
    watchdog.request()
  elseif is_silent then
    self:tell(request.identity, { id = request.id, silence = silence.reason(self.pid) })
  end
  if not is_silent then
    request.silence = self.loop:call_later(SILENCE_MS, self.note_silence, self, serial)
  end
end

-- Hands a request on.
-- @param text what the loop is asked for
function Server:begin(identity, asked, text)
  if self.count >= MOST_WAITING then
    return self:tell(identity, { id = asked.id, error = "too many requests wait" })
  end
  local serial = ("%d"):format(self.serial + 1)
  self.serial, self.count = self.serial + 1, self.count + 1
  local ms = math.min(math.max(asked.ms or USUAL_MS, 0), MOST_MS)
  self.waiting[serial] = { identity = identity, id = asked.id,
    silence = self.loop:call_later(SILENCE_MS, self.note_silence, self, serial),
    limit = self.loop:call_later(ms, function()
      self.channel:send_multipart { serial, json.encode { verb = "cancel" } }
      self:fail(serial, ("no answer within %g s"):format(ms / 1000))
    end) }
  self.channel:send_multipart { serial, text }
end

-- Gives up a client's request. What it runs is interrupted where that does not wait.
function Server:cancel(identity, id)
  for serial, request in pairs(self.waiting) do
    if request.identity == identity and request.id == id then
      self.channel:send_multipart { serial, json.encode { verb = "cancel" } }
      request.is_cancelled = true
      request.silence:cancel()
      request.silence = self.loop:call_later(SILENCE_MS, self.note_silence, self, serial)
    end
  end
end

-- In this thread, as the loop may not be able to. The loop's end of this socket is left alone.
function Server:interrupt(identity, id)
  local running = watchdog.running()
  local is_own = running and running:find(M.ENDPOINT, 1, true)
  local name = not is_own and watchdog.request()
  self:tell(identity, { id = id, answer = { interrupted = name or false } })
end

-- Whether it comes back as it went: what is read as infinite cannot be written.
local function is_id(id)
  local kind = type(id)
  return id == nil or kind == "string" or kind == "userdata" or kind == "number" and id - id == 0
end

-- What is wrong with a request.
local function problem_of(ok, asked)
  if not ok then return "not JSON" end
  if type(asked) ~= "table" then return "expected an object" end
  if type(asked.verb) ~= "string" then return "no verb" end
  if asked.args ~= nil and type(asked.args) ~= "table" then return "args: expected an object" end
  if not is_id(asked.id) then return "id: expected a text or a number" end
  if asked.ms ~= nil and (type(asked.ms) ~= "number" or asked.ms ~= asked.ms) then
    return "ms: expected a number"
  end
end

function Server:take(msg)
  local identity = msg[1]
  local ok, asked = pcall(json.decode, msg[2] or "")
  local problem = #msg ~= 2 and "expected one frame" or problem_of(ok, asked)
  if problem then return self:tell(identity, { error = "bad request: " .. problem }) end
  local is_handler = asked.verb == "interrupt" and not (asked.args and asked.args.task)
  if is_handler then return self:interrupt(identity, asked.id) end
  if asked.verb == "cancel" then return self:cancel(identity, asked.id) end
  local text
  ok, text = pcall(json.encode, { verb = asked.verb, args = asked.args })
  if not ok then
    return self:tell(identity, { id = asked.id, error = "bad request: args: a number is infinite" })
  end
  self:begin(identity, asked, text)
end

-- The loop answers.
function Server:hand_back(msg)
  local serial, kind, text = msg[1], msg[2], msg[3]
  local request = self.waiting[serial]
  if not request then return end
  request.is_begun = true
  if kind ~= "begun" then
    local message = json.decode(text)
    message.id = request.id
    if kind ~= "part" then self:forget(serial) end
    self:tell(request.identity, message)
  end
end

local function open_front(settings)
  local context = zmq.context { io_threads = 1 } -- whatever comes is no burden of the script's
  return context:socket(zmq.ROUTER, { linger = 0, maxmsgsize = MOST_BYTES,
    allow_uid = { settings.user, 0 }, bind = "ipc://" .. settings.path })
end

--- Runs the thread.
-- @param settings { path =, user = }
function M.run(settings)
  local self = setmetatable({ loop = loops.instance(), pid = place.pid(), waiting = {}, count = 0,
    serial = 0 }, Server)
  self.channel = new_stream(zmq.instance():socket(zmq.PAIR, { linger = 0,
    connect = M.ENDPOINT }), self.loop)
  self.channel.name = "control (its loop)"
  local ok, front = pcall(open_front, settings)
  local problem = not ok and tostring(front) or C.eddy_path_private(settings.path) < 0 and
    "its mode cannot be set" or ""
  self.channel:send_multipart { "", problem }
  if problem ~= "" then return self.channel:flush() end
  self.front = new_stream(front, self.loop)
  self.front.name = "control"
  self.front:on_recv(function(msg) self:take(msg) end)
  self.channel:on_recv(function(msg) self:hand_back(msg) end)
  self.loop:start()
  self.channel:close(0)
  self.front:close(0)
  os.remove(settings.path) -- libzmq does it later, if there is a later
end

return M
