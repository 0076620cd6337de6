local eddy = require "eddy"
local environment = require "eddy.control.environment"
local zmq = require "eddy.green"
local support = require "spec.lua.support"

describe("what a console sees", function()
  after_each(function() _G.console_spec = nil end)

  it("completes names of globals, fields and methods, and calls nothing", function()
    assert.same({ "string.format" }, environment.completions "string.for")
    assert.same({ "setmetatable" }, environment.completions "setm")
    assert.same({ "task", "tasks" }, environment.completions "tas")
    local function refuse() error "not to be called" end
    _G.console_spec = setmetatable({ inner = setmetatable({ alpha = 1, beta = 2, _hidden = 3 },
      { __index = { method = 1 } }) }, { __index = refuse })
    assert.same({ "console_spec.inner.alpha", "console_spec.inner.beta",
      "console_spec.inner.method" }, environment.completions "console_spec.inner.")
    assert.same({ "console_spec.inner:method" }, environment.completions "console_spec.inner:me")
    for _, text in ipairs { "console_spec.none.x", "no.such.thing", "1.", "..", "" } do
      assert.equal("table", type(environment.completions(text)))
    end
  end)

  it("completes methods of what eddy makes, and modules that are not loaded", function()
    local loop, context, own = support.open(zmq)
    local stream = eddy.stream(context:socket(zmq.PAIR), loop)
    local socket = own:socket(zmq.PAIR)
    local seen = { eddy = eddy, stream = stream, socket = socket, loop = loop, zmq = zmq,
      timer = loop:call_later(1, print), task = eddy.future(loop) }
    local function complete(text) return environment.completions(text, seen) end
    assert.same({ "stream:on_recv_json" }, complete "stream:on_recv_j")
    assert.same({ "socket:send_multipart" }, complete "socket:send_mu")
    assert.same({ "loop:call_later" }, complete "loop:call_l")
    assert.same({ "timer:set_jitter" }, complete "timer:set_j")
    assert.same({ "task:add_done_callback" }, complete "task:add")
    assert.same({ "zmq.DEALER" }, complete "zmq.DEAL")
    assert.same({ "eddy.jetstream" }, complete "eddy.jets")
    assert.same({ "eddy.metrics.counter" }, complete "eddy.metrics.cou")
    assert.same({ "stream" }, complete "stre")
    stream:close()
    support.close()
  end)

  it("are the script's globals, which it sets, too", function()
    local lines = {}
    local chunk = setfenv(loadstring "console_spec = 5 print(console_spec, tasks ~= nil)",
      environment.of(function(line) lines[#lines + 1] = line end))
    chunk()
    assert.equal(5, _G.console_spec)
    assert.same({ "5\ttrue" }, lines)
  end)
end)
