-- Where workers (`eddy --workers N`) bind: they share the ports of tcp, as their supervisor says;
-- what cannot be shared, one of them has.
local errors = require "eddy.base.errors"
local c = require "eddy.base.libeddy"

local C, ffi = c.C, c.ffi

local MOST_BYTES = 900 -- of what the supervisor is asked
local ANSWER_BYTES = 64

local M = {
  binds = 0, -- those that the supervisor was asked for
}

-- Whose peers would miss something when they are connected to one of several workers.
local alone = { PUB = true, XPUB = true, PAIR = true }

--- A socket's setting `shared`, as eddy.zmq.access has them.
M.setting = {
  check = function(value)
    if type(value) ~= "boolean" then
      errors.misuse("set shared: expected a boolean, got " .. type(value))
    end
    return value
  end,
  set = function(socket, value) rawset(socket, "_shared", value and "yes" or "no") end,
  get = function(socket)
    if socket._shared then return socket._shared == "yes" end
    return not alone[socket._type]
  end,
}

-- How a bind is to be asked for; nil: it is this process's own affair.
local function kind_of(socket, endpoint)
  if C.eddy_worker_count() == 0 or #endpoint > MOST_BYTES or endpoint:find "[%c%s]" or
    endpoint:find "^inproc:" or socket:get "USE_FD" >= 0 then return nil end
  if endpoint:find "^tcp:" and M.setting.get(socket) then return "share" end
  return not endpoint:find "^ipc://%*$" and not endpoint:find ":[*0]$" and "own" or nil
end

-- Asks the supervisor. Returns the first word of its answer, and the two numbers behind that.
local function ask(kind, endpoint)
  M.binds = M.binds + 1
  local answer = ffi.new("char[?]", ANSWER_BYTES)
  errors.check(C.eddy_worker_ask(kind .. " " .. endpoint, answer, ANSWER_BYTES),
    "bind " .. endpoint .. ": the supervisor of the workers does not answer")
  local word, first, second = ffi.string(answer):match "^(%l+) ?(%d*) ?(%d*)$"
  return word, tonumber(first), tonumber(second)
end

local function tell(...) C.eddy_worker_tell(table.concat({ ... }, " ")) end

local other_ways = {
  ipc = [[workers cannot share an ipc path. Take one of
  bind = "%s-" .. eddy.worker.index  -- one for each worker
  bind = "tcp://127.0.0.1:5555"  -- workers share a port
  connect = "%s"  -- to a front that is bound there, in a program of its own: devices.front]],
  alone = [[workers do not share the port of a %s socket: a peer would be connected to one of
them only. Take one of
  if eddy.worker.index == 1 then  -- one worker has it
  bind = "%s" .. %d + eddy.worker.index  -- one for each worker, and peers connect to all
  connect = "tcp://127.0.0.1:5555"  -- to a device that is bound there, in a program of its own
  shared = true  -- peers that are content with any one]],
  own = "it has shared = false: bind it in one worker (eddy.worker.index)",
}

local function held(socket, endpoint, index)
  local why
  local front, port = endpoint:match "^(tcp:.*:)(%d+)$"
  if endpoint:find "^ipc:" then
    why = other_ways.ipc:format(endpoint, endpoint)
  elseif front and not socket._shared then
    why = other_ways.alone:format(socket._type, front, tonumber(port) - 1)
  else
    why = other_ways.own
  end
  local err = errors.new(errors.numbers.EADDRINUSE, "bind " .. endpoint)
  err.message = ("%s: worker %d has it, and %s"):format(err.message, index, why)
  error(err, 0)
end

local function bind_as(socket, endpoint, bind, how)
  C.eddy_socket_share(socket._c, socket._id, how)
  local ok, err = pcall(bind, socket, endpoint)
  if socket._id then C.eddy_socket_share(socket._c, socket._id, C.EDDY_PORT_OWN) end
  if not ok then error(err, 0) end
end

-- Does what is to be decided for all, and tells what came of it.
local function decide(id, socket, fn, ...)
  local ok, result = pcall(fn, ...)
  if not ok then
    tell("failed", id)
    error(result, 0)
  end
  tell("bound", id, socket:get "LAST_ENDPOINT")
  return result
end

--- Binds a socket.
-- @param bind bind(socket, endpoint) does it
function M.bind(socket, endpoint, bind)
  local kind = kind_of(socket, endpoint)
  if not kind then return bind(socket, endpoint) end
  local word, id, port = ask(kind, endpoint)
  if word == "held" then held(socket, endpoint, id) end
  if word == "port" then
    return bind_as(socket, endpoint:match "^(.*:)" .. port, bind, C.EDDY_PORT_JOINED)
  end
  decide(id, socket, bind_as, socket, endpoint, bind,
    kind == "share" and C.EDDY_PORT_FIRST or C.EDDY_PORT_OWN)
end

--- Binds a socket to some port of a range: that of the other workers, if they have one.
-- @param range "tcp://127.0.0.1:5000-5999"
-- @param choose binds it, and returns the port
-- @param join join(port) binds it there
function M.bind_in_range(socket, range, choose, join)
  if kind_of(socket, range) ~= "share" then return choose() end
  local word, id, port = ask("share", range)
  if word ~= "port" then return decide(id, socket, choose) end
  join(port)
  return port
end

return M
