local later = require "eddy.base.later"
local process = require "spec.support.process"

describe("eddy.base.later", function()
  local NAME = "eddy.later_spec"
  local loads
  before_each(function()
    loads = 0
    package.preload[NAME] = function()
      loads = loads + 1
      return { number = loads }
    end
  end)
  after_each(function() package.preload[NAME], package.loaded[NAME] = nil, nil end)

  it("loads a module when it is used first, and once", function()
    local module = later.require(NAME)
    assert.equal(0, loads)
    assert.equal(1, module.number)
    assert.is_nil(module.other)
    assert.equal(1, module.number)
    assert.equal(1, later.require(NAME).number)
    assert.equal(1, loads)
  end)

  it("has what is changed in the module", function()
    local module = later.require(NAME)
    assert.equal(1, module.number)
    require(NAME).number = 7
    assert.equal(7, module.number)
  end)

  it("finds it where eddy's modules are, and has nothing of it compiled", function()
    local is_compiling, path = require("jit").status(), package.path
    local module = later.require(NAME)
    package.preload[NAME] = function()
      return { path = package.path, is_compiling = (require("jit").status()) }
    end
    package.path = "elsewhere"
    finally(function() package.path = path end)
    assert.not_equal("elsewhere", module.path)
    assert.is_false(module.is_compiling)
    assert.equal("elsewhere", package.path)
    assert.equal(is_compiling, (require("jit").status()))
  end)

  it("does so in a finalizer, too", function()
    local module, number = later.require(NAME), nil
    local dying = newproxy(true)
    getmetatable(dying).__gc = function() number = module.number end
    dying = nil -- luacheck: ignore 311
    collectgarbage()
    assert.equal(1, number)
  end)

  it("loads it again when that was cut off", function()
    local load = package.preload[NAME]
    package.preload[NAME] = function() error("cut off", 0) end
    local module = later.require(NAME)
    assert.has_error(function() return module.number end, "cut off")
    package.preload[NAME] = load
    assert.equal(1, module.number)
  end)

  it("keeps what few scripts need out of those that only send and receive", function()
    local code = [[
      local eddy, zmq = require "eddy", require "eddy.zmq"
      local stream = eddy.stream(zmq.instance():socket(zmq.PAIR, { bind = "inproc://later" }))
      stream:on_recv(function(msg) print(msg[1]) stream.loop:stop() end)
      zmq.instance():socket(zmq.PAIR, { connect = "inproc://later" }):send "hello"
      eddy.loop.instance():start()
      for _, name in ipairs { "zmq.monitor", "zmq.poller", "zmq.proxy", "zmq.json", "zmq.sharing",
        "security.certificates", "security.curve", "stream.requests", "profile", "thread",
        "tasks.queue", "tasks.first" } do
        if package.loaded["eddy." .. name] then print(name) end
      end]]
    local exit, out, err = process.shell(("%s -e %s"):format(process.quote(EDDY_HOST),
      process.quote(code)))
    assert.equal("hello\n", (process.check(0, exit, out, err)))
  end)
end)
