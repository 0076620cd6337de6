-- A kernel: takes what a front end asks on five sockets, and runs cells in tasks.
local eddy = require "eddy"
local session = require "jupyter.session"
local wire = require "jupyter.wire"
local zmq = require "eddy.zmq"

local ABORT_MS = 100 -- after an error, what was asked within this time is not run
local INTERRUPTED = setmetatable({}, { __tostring = function() return "interrupted" end })

local list = wire.list

local Kernel = {}
Kernel.__index = Kernel

--- Starts a kernel on the current loop.
-- @param connection what a connection file says
-- @param limit the ms that a cell may compute in one piece, after which an error ends it: no signal
--   is heard meanwhile. What it waits for does not count
function Kernel.start(connection, limit)
  local self = setmetatable({ wire = wire.new(connection.key), cells = 0 }, Kernel)
  local function open(channel, kind)
    self[channel] = eddy.stream(zmq.instance():socket(kind, {
      bind = wire.endpoint(connection, channel) }))
    self[channel].name = channel
  end
  open("iopub", zmq.PUB)
  open("stdin", zmq.ROUTER)
  open("shell", zmq.ROUTER)
  open("control", zmq.ROUTER)
  self.control:set_priority(1) -- what interrupts is for the cell that runs, not for the next one
  self.heart = eddy.devices.device(zmq.QUEUE, zmq.ROUTER, -1) -- beats also while a cell computes
  self.heart:bind_in(wire.endpoint(connection, "hb"))
  self.heart:start()

  self.session = session.new(function(name, text)
    self:publish("stream", { name = name, text = text }, self.request)
  end, function() return self:read() end)
  self.stdin:on_recv(function(frames) self:take_input(self.wire:decode(frames)) end)
  self.shell:on_recv(function(frames) self:serve(self.shell, frames) end) -- one after the other
  self.control:on_recv(function(frames) self:serve(self.control, frames) end)
  eddy.loop.current():on_signal("SIGINT", function() self:interrupt() end)
  eddy.loop.set_watchdog { interrupt = limit }
  return self
end

function Kernel:publish(kind, content, parent)
  self.iopub:send_multipart(self.wire:encode({ kind }, kind, content, parent))
end

-- What is not signed with the key is nobody's.
function Kernel:serve(channel, frames)
  local msg = self.wire:decode(frames)
  if not msg then return end
  if channel == self.shell then self.request = msg end
  self:publish("status", { execution_state = "busy" }, msg)
  local answer = self[msg.kind]
  local content = msg.kind:find "_request$" and answer and answer(self, msg.content, msg)
  if content then
    content.status = content.status or "ok"
    local kind = msg.kind:gsub("request$", "reply")
    channel:send_multipart(self.wire:encode(msg.envelope, kind, content, msg))
  end
  self:publish("status", { execution_state = "idle" }, msg)
end

function Kernel.kernel_info_request()
  return {
    protocol_version = "5.3", implementation = "eddy", implementation_version = eddy.version,
    banner = ("%s, eddy %s"):format(jit.version, eddy.version), help_links = list {},
    language_info = { name = "lua", version = "5.1", mimetype = "text/x-lua",
      file_extension = ".lua", pygments_lexer = "lua", codemirror_mode = "lua" },
  }
end

-- Runs in the cell's task. Returns what its code returned, as text, or nil.
function Kernel:run(code)
  local chunk, problem = self.session:compile(code, self.cells)
  if not chunk then error(problem, 0) end
  local function texts(...)
    local list_of = { ... }
    for i = 1, select("#", ...) do list_of[i] = tostring(list_of[i]) end
    return list_of[1] and table.concat(list_of, "\t")
  end
  return texts(chunk())
end

function Kernel:execute_request(asked, msg)
  if self.is_aborting then return { status = "aborted" } end
  if not asked.silent then
    self.cells = self.cells + 1
    self:publish("execute_input", { code = asked.code, execution_count = self.cells }, msg)
  end
  local trace
  self.task = eddy.spawn(xpcall, self.run, function(err)
    trace = debug.traceback(tostring(err), 2)
    return err
  end, self, asked.code)
  local ok, result = self.task:await()
  self.task = nil
  if not ok then
    if ok == nil then result = INTERRUPTED end -- the task was cancelled
    return self:failure(asked, msg, result, trace)
  end
  if result and not asked.silent then
    self:publish("execute_result", { execution_count = self.cells, metadata = {},
      data = { ["text/plain"] = result } }, msg)
  end
  return { execution_count = self.cells, user_expressions = {}, payload = list {} }
end

function Kernel:failure(asked, msg, err, trace)
  local is_interrupted = err == INTERRUPTED
  local lines = {}
  for line in (is_interrupted and "interrupted" or trace):gmatch "[^\n]+" do
    if line:find "jupyter/kernel" then break end -- what called the cell
    lines[#lines + 1] = line
  end
  local content = { ename = is_interrupted and "Interrupted" or "Error", evalue = tostring(err),
    traceback = list(lines) }
  if not asked.silent then self:publish("error", content, msg) end
  if asked.stop_on_error ~= false then
    self.is_aborting = true
    eddy.loop.current():call_later(ABORT_MS, function() self.is_aborting = false end)
  end
  content.status, content.execution_count = "error", self.cells
  return content
end

-- What io.read does in a cell.
function Kernel:read()
  local request = self.request
  if not request.content.allow_stdin then error("nobody is there to type something", 3) end
  self.typed = eddy.future()
  self.stdin:send_multipart(self.wire:encode(request.envelope, "input_request",
    { prompt = "", password = false }, request))
  return self.typed:await()
end

function Kernel:take_input(msg)
  if not msg or msg.kind ~= "input_reply" or not self.typed then return end
  self.typed:set_result(msg.content.value)
  self.typed = nil
end

function Kernel:complete_request(asked)
  local names, before = self.session:complete(asked.code, asked.cursor_pos)
  return { matches = list(names), cursor_start = asked.cursor_pos - before,
    cursor_end = asked.cursor_pos, metadata = {} }
end

function Kernel:inspect_request(asked)
  local text = self.session:inspect(asked.code, asked.cursor_pos)
  return { found = text ~= nil, data = { ["text/plain"] = text }, metadata = {} }
end

function Kernel:is_complete_request(asked)
  local status = self.session:completeness(asked.code)
  return { status = status, indent = status == "incomplete" and "  " or nil }
end

function Kernel.history_request() return { history = list {} } end -- front ends keep their own

function Kernel.comm_info_request() return { comms = {} } end

function Kernel:interrupt()
  if self.task then self.task:cancel() end
end

function Kernel:interrupt_request()
  self:interrupt()
  return {}
end

function Kernel:shutdown_request(asked)
  self:interrupt()
  eddy.loop.current():stop_gracefully()
  return { restart = asked.restart or false }
end

return Kernel
