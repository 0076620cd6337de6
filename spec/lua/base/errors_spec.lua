local eddy = require "eddy"
local errors = require "eddy.base.errors"
local zmq = require "eddy.zmq"
local support = require "spec.lua.support"

describe("errors", function()
  local loop, context
  support.each(function(...) loop, context = ... end)

  it("have a code, a name, and a text that says what failed", function()
    local err = errors.new(errors.numbers.EADDRINUSE, "bind tcp://127.0.0.1:1")
    assert.equal(98, err.code)
    assert.equal("EADDRINUSE", err.name)
    assert.equal("bind tcp://127.0.0.1:1: Address already in use (EADDRINUSE)", tostring(err))
    assert.equal("so: " .. tostring(err), "so: " .. err)
    assert.equal(tostring(err) .. "!", err .. "!")
  end)

  it("know libzmq's own numbers, and numbers that nobody knows", function()
    for _, name in ipairs { "EFSM", "ETERM", "ENOCOMPATPROTO", "EMTHREAD" } do
      assert.equal(name, errors.new(errors.numbers[name]).name)
      assert.equal(errors.numbers[name], zmq[name])
    end
    local err = errors.new(99999)
    assert.equal(99999, err.code)
    assert.is_string(err.name)
    assert.is_string(tostring(err))
  end)

  it("are objects when the world fails, and pcall hands them over whole", function()
    local socket = context:socket(zmq.REP)
    local ok, err = pcall(socket.send, socket, "x")
    assert.is_false(ok)
    assert.is_table(err)
    assert.equal(zmq.EFSM, err.code)
    assert.equal("EFSM", err.name)
  end)

  it("that must be expected are returned", function()
    local socket = context:socket(zmq.PULL)
    local msg, err = socket:recv(zmq.DONTWAIT)
    assert.is_nil(msg)
    assert.equal(zmq.EAGAIN, err.code)
    assert.equal("EAGAIN", err.name)
    assert.is_string(tostring(err))
  end)

  it("tell of a script's mistake at the script's line", function()
    local socket = context:socket(zmq.PULL)
    local stream = eddy.stream(context:socket(zmq.PAIR), loop)
    local closed = eddy.loop.new()
    closed:close()
    local mistakes = {
      ["bind"] = function() socket:bind(5) end,
      ["connect"] = function() socket:connect() end,
      ["socket send"] = function() socket:send(5) end,
      ["socket send_multipart"] = function() socket:send_multipart { 5 } end,
      ["set"] = function() socket:set("linger", "x") end,
      ["set unknown"] = function() socket:set("no_such", 1) end,
      ["get unknown"] = function() return (socket:get("no_such")) end,
      ["attribute"] = function() socket.linger = "x" end,
      ["unknown attribute"] = function() socket.no_such = 1 end,
      ["read attribute"] = function() return (socket.no_such) end,
      ["context set"] = function() context:set("no_such", 1) end,
      ["context attribute"] = function() context.no_such = 1 end,
      ["context read"] = function() return (context.no_such) end,
      ["socket type"] = function() return (context:socket("PULL")) end,
      ["stream"] = function() return (eddy.stream(5)) end,
      ["on_recv"] = function() stream:on_recv(5) end,
      ["send"] = function() stream:send(5) end,
      ["send_multipart"] = function() stream:send_multipart { "x", 5 } end,
      ["send callback"] = function() stream:send("x", { callback = 5 }) end,
      ["send_multipart callback"] = function() stream:send_multipart({ "x" }, { callback = 5 }) end,
      ["set_budget"] = function() stream:set_budget(0) end,
      ["set_priority"] = function() stream:set_priority(0.5) end,
      ["set_send_limit"] = function() stream:set_send_limit { policy = "x" } end,
      ["add_callback"] = function() loop:add_callback(5) end,
      ["call_later"] = function() return (loop:call_later("x", print)) end,
      ["call_later function"] = function() return (loop:call_later(1, 5)) end,
      ["call_every"] = function() return (loop:call_every(0, print)) end,
      ["add_handler"] = function() loop:add_handler("x", print) end,
      ["add_handler function"] = function() loop:add_handler(0, 5) end,
      ["update_handler"] = function() loop:update_handler(0, 1) end,
      ["on_signal"] = function() return (loop:on_signal("NOSUCH", print)) end,
      ["on_error"] = function() loop:on_error(5) end,
      ["start a closed loop"] = function() closed:start() end,
      ["closed loop"] = function() closed:call_later(1, print) end,
      ["closed loop's time"] = function() return (closed:time()) end,
      ["closed loop's handler"] = function() closed:add_handler(0, print) end,
    }
    local elsewhere = {}
    for name, mistake in pairs(mistakes) do
      local ok, err = pcall(mistake)
      assert.is_false(ok, name)
      local line = debug.getinfo(mistake, "S").linedefined
      if not tostring(err):find("errors_spec.lua:" .. line .. ": ", 1, true) then
        elsewhere[#elsewhere + 1] = name .. " -> " .. tostring(err)
      end
    end
    table.sort(elsewhere)
    assert.equal("", table.concat(elsewhere, "\n"))
  end)
end)
