--- Workers behind a front: `devices.front` hands them requests when they are ready.
local errors = require "eddy.base.errors"
local methods = require "eddy.base.methods"
local loops = require "eddy.loop"
local new_stream = require "eddy.stream"
local zmq = require "eddy.zmq"
local socket_options = require "eddy.zmq.options"

---@class eddy.front
local M = {}

--- A worker: `worker.stream` is its stream.
---@class eddy.Worker
---@field stream eddy.Stream
local Worker = {}
Worker.__index = Worker

--- A request at hand.
---@class eddy.Job
local Job = {}
Job.__index = Job

function Worker:__tostring() return "worker (" .. tostring(self.stream.name) .. ")" end

function Worker:_describe() return tostring(self) end

-- Tells the front how many requests it takes now.
local function announce(self)
  if self._stopped or self.stream:closed() then return end
  self.stream:send_multipart { "READY", tostring(math.max(0, self._credit - self._busy)) }
end

--- Answers the request; once.
---@param answer eddy.Part|eddy.Part[] a string, or a list of frames
function Job:reply(answer)
  errors.check_self(self, "reply", "job")
  local worker = self._worker
  if self._done then errors.misuse("reply: the request was answered already") end
  local parts = { "REPLY", self._id }
  for _, part in ipairs(type(answer) == "table" and answer or { answer }) do
    parts[#parts + 1] = part
  end
  if worker.stream:closed() then errors.misuse("reply: the worker is closed") end
  worker.stream:send_multipart(parts)
  self._done = true
  worker._busy = worker._busy - 1
  -- The front forgot what it gave when the connection was lost: this answer is for nobody.
  if self._session ~= worker._session then announce(worker) end
  if worker._stopped and worker._busy == 0 then worker.stream:close { drain = worker._drain } end
end

--- Gives the request back: another worker gets it.
function Job:give_back()
  errors.check_self(self, "give_back", "job")
  local worker = self._worker
  if self._done then errors.misuse("give_back: the request was answered already") end
  worker.stream:send_multipart { "RETURN", self._id }
  self._done = true
  worker._busy = worker._busy - 1
end

local function call(self, job, msg)
  local answer = self._handle(msg, job)
  if answer ~= nil and not job._done then job:reply(answer) end
end

local function handle(self, msg)
  if msg[1] ~= "JOB" or not msg[2] then return end
  local id, body = msg[2], {}
  for i = 3, #msg do body[i - 2] = msg[i] end
  local job = setmetatable({ _worker = self, _id = id, _session = self._session, _done = false },
    Job)
  self._busy = self._busy + 1
  if self._stopped then return job:give_back() end
  local ok = self.stream.loop:_protect(self, call, self, job, body)
  if not ok and not job._done and not self.stream:closed() then job:reply(self._error_reply) end
end

--- Takes no more requests. Those that it has not begun go back to the front; the stream is closed
-- when those under way are answered.
---@param ms? number for how long answers may still be sent then; 1000 unless given
function Worker:stop(ms)
  if self._stopped or self.stream:closed() then return end
  self._stopped, self._drain = true, ms or 1000
  self.stream:send_multipart { "BYE" }
  self.stream:flush(zmq.POLLIN)
  if self._busy == 0 then self.stream:close { drain = self._drain } end
end

local own = { handle = true, credit = true, loop = true, error_reply = true, connect = true }

-- Returns the credit, and the options of the socket.
local function check(settings)
  if type(settings) ~= "table" then
    errors.misuse("worker: expected a table, got " .. type(settings))
  end
  local of_socket = {}
  for name, value in pairs(settings) do
    if not own[name] then of_socket[name] = value end
    if not own[name] and not socket_options.has(name) then
      errors.misuse(("worker: no such option: '%s'%s"):format(tostring(name),
        socket_options.nearest(name, own)))
    end
  end
  errors.check_function(settings.handle, "worker: handle")
  local credit = settings.credit or 1
  if type(credit) ~= "number" or credit < 1 or credit % 1 ~= 0 then
    errors.misuse("worker: credit: expected a whole number of at least 1, got " ..
      errors.typed(credit))
  end
  if settings.connect == nil then errors.misuse "worker: connect: expected the front's endpoint" end
  return credit, of_socket
end

-- Whether libzmq tells of no handshake there.
local function is_silent(endpoints)
  for _, each in ipairs(endpoints) do
    if tostring(each):find("^inproc:") then return true end
  end
end

---@class (exact) eddy.WorkerSettings: eddy.SocketSettings
---@field connect string|string[] the endpoint of the front's out socket
---@field handle fun(msg: string[], job: eddy.Job): any gets a request, returns its answer
---@field credit? integer how many requests it has at a time (1); those that wait overlap
---@field error_reply? eddy.Part|eddy.Part[] the answer when `handle` raises ("")
---@field loop? eddy.Loop

--- Makes a worker.
-- @return the worker
---@param settings eddy.WorkerSettings what it does; after nil `job:reply(answer)` answers later
---@return eddy.Worker
function M.worker(settings)
  local credit, of_socket = check(settings)
  local socket = zmq.instance():socket(zmq.DEALER, of_socket)
  local stream = new_stream(socket, settings.loop or loops.current())
  local self = setmetatable({ stream = stream, _handle = settings.handle, _credit = credit,
    _busy = 0, _session = 0, _stopped = false, _drain = 0,
    _error_reply = settings.error_reply or "" }, Worker)
  stream:set_concurrency(credit)
  stream:on_event(function()
    self._session = self._session + 1
    announce(self)
  end, zmq.EVENT_HANDSHAKE_SUCCEEDED)
  stream:on_recv(function(msg) handle(self, msg) end)
  -- Only now: the first handshake must be heard of.
  local endpoints = settings.connect
  if type(endpoints) ~= "table" then endpoints = { endpoints } end
  for _, each in ipairs(endpoints) do socket:connect(each) end
  if is_silent(endpoints) then announce(self) end
  return self
end

methods(Worker, "worker")

return M
