-- Asks a process by its control socket, and says what is the matter when there is no answer.
local place = require "eddy.control.place"
local pages = require "eddy.counters.list"
local loops = require "eddy.loop"
local new_stream = require "eddy.stream"
local zmq = require "eddy.zmq"
local json = require "eddy.zmq.json"

local M = {}

local LOOK_MS = 250   -- between two looks whether the process lives
local LATE_MS = 1000  -- for an answer on its way, beyond the time that it may take there
local COMPLETE_MS = 500

local Client = {}
Client.__index = Client

-- The entries of processes that run and have a control socket.
local function with_socket()
  local found = {}
  for _, entry in ipairs(pages.all()) do
    entry.socket = place.path(entry.folder, entry.pid)
    if entry.process and place.has_socket(entry.socket) then found[#found + 1] = entry end
  end
  return found
end

-- The path of the only process's socket, or of this one's; or nil and what is wrong.
local function find(pid)
  if not pid then
    local found = with_socket()
    if #found == 1 then return found[1].socket, found[1].pid end
    if #found == 0 then
      return nil, "no process of eddy's has a control socket: start one with eddy --control SCRIPT"
    end
    local lines = {}
    for i, each in ipairs(found) do
      lines[i] = ("\n%7d %s"):format(each.pid, each.page and each.page.command or "")
    end
    return nil, ("%d processes have control sockets: which one?%s"):format(#found,
      table.concat(lines))
  end
  local entry, folder = pages.all(pid)[1], place.folder()
  if entry and entry.page and not entry.process then
    return nil, ("process %d %s"):format(pid, entry.status.text)
  end
  folder = entry and entry.folder or folder
  local path = folder and place.path(folder, pid)
  if path and place.has_socket(path) then return path, pid end
  if not entry then return nil, ("no process %d of eddy's that you can read"):format(pid) end
  return nil, ("process %d has no control socket: start it with eddy --control SCRIPT, or name " ..
    "the one that it has elsewhere by --socket PATH"):format(pid)
end

--- Makes a client.
-- @param pid of the process; nil: the only one that has a control socket
-- @param path of its socket, in place of that
-- @return it; or nil and what is wrong
function M.new(pid, path)
  json.check()
  if path and not place.has_socket(path) then return nil, path .. " is no control socket" end
  if not path then
    path, pid = find(pid)
    if not path then return nil, pid end
  end
  local loop = loops.new()
  local self = setmetatable({ pid = pid, loop = loop, number = 0, endpoint = "ipc://" .. path,
    hear = function() end }, Client)
  self.stream = new_stream(zmq.instance():socket(zmq.DEALER, { linger = 0,
    connect = self.endpoint }), loop)
  self.stream:on_recv(function(msg)
    local ok, message = pcall(json.decode, msg[1])
    if ok and type(message) == "table" then self.hear(message) end
  end)
  return self
end

-- Why the process will not answer; nil when it may.
function Client:trouble(is_silent)
  local entry = self.pid and pages.all(self.pid)[1]
  if not entry or not entry.page then return nil end
  if not entry.process then return ("process %d %s"):format(self.pid, entry.status.text) end
  if entry.status.word == "stopped" and is_silent then
    return ("process %d is stopped by a signal: kill -CONT %d lets it go on"):format(self.pid,
      self.pid)
  end
end

-- Runs the loop until there is an answer.
function Client:await(result, ms)
  local loop, timers = self.loop, {}
  timers[1] = loop:call_every(LOOK_MS, function()
    result.problem = self:trouble(not result.has_heard)
    if result.problem then loop:stop() end
  end)
  timers[2] = loop:call_later(ms + LATE_MS, function()
    result.problem = ("no answer within %g s"):format(ms / 1000)
    loop:stop()
  end)
  loop:start()
  for _, timer in ipairs(timers) do timer:cancel() end
end

--- Asks, and waits for the answer.
-- @param verb what for
-- @param args a table for it
-- @param ms how long it may take
-- @param listen { part = fn(part), silence = fn(reason) }, each optional
-- @return the answer; or nil, what is wrong, and a traceback if there is one
function Client:ask(verb, args, ms, listen)
  self.number = self.number + 1
  local id, result = self.number, { has_heard = false }
  function self.hear(message)
    if message.id ~= id and message.id ~= nil then return end
    result.has_heard = true
    if message.part ~= nil then return listen.part and listen.part(message.part) end
    if message.silence then return listen.silence and listen.silence(message.silence) end
    result.message = message
    self.loop:stop()
  end
  self.loop:step() -- signals of earlier
  self.stream:send_multipart { json.encode { id = id, verb = verb, args = args, ms = ms } }
  self.is_asking = true
  self:await(result, ms)
  self.is_asking = false
  local message = result.message
  if not message then return nil, result.problem or "interrupted" end
  if message.error then return nil, message.error, message.traceback end
  return message.answer
end

--- From now on SIGINT gives up what is being asked, if anything is: its code is interrupted, and
-- answers that.
function Client:take_interrupts()
  self.loop:on_signal("SIGINT", function()
    if not self.is_asking then return end
    self.stream:send_multipart { json.encode { id = self.number, verb = "cancel" } }
  end)
end

--- What a name may be completed with: without running the loop, as readline asks.
function Client:complete(text)
  if not self.helper then
    self.helper = zmq.instance():socket(zmq.DEALER, { linger = 0, rcvtimeo = COMPLETE_MS,
      connect = self.endpoint })
  end
  self.number = self.number + 1
  self.helper:send(json.encode { id = self.number, verb = "complete", args = { text = text },
    ms = COMPLETE_MS })
  repeat
    local bytes = self.helper:recv()
    local ok, message = pcall(json.decode, bytes or "")
    if not bytes then return {} end
    if ok and message.id == self.number and not message.silence then
      return message.answer and message.answer.names or {}
    end
  until false
end

--- Ends it.
function Client:close()
  self.stream:close(0)
  if self.helper then self.helper:close(0) end
  self.loop:close()
end

return M
