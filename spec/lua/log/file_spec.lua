local log = require "eddy.log"
local process = require "spec.support.process"
local support = require "spec.lua.support"

local WITHIN_MS = 20000

describe("a log file", function()
  local dir, path, handlers
  local loop
  support.each(function(of_test)
    loop = of_test
    dir = os.tmpname()
    os.remove(dir)
    assert(os.execute("mkdir " .. dir) == 0)
    path, handlers = dir .. "/a.log", {}
  end)
  after_each(function()
    for _, handler in ipairs(handlers) do handler:close() end
    os.execute("rm -r " .. dir)
  end)

  local function open(settings, to)
    settings = settings or {}
    if settings.hangup == nil then settings.hangup = false end
    local handler = log.file_handler(to or path, settings)
    handlers[#handlers + 1] = handler
    handler:set_formatter "{level} {message}"
    return log.logger { handlers = { handler } }, handler
  end

  local function read(name)
    local file = io.open(name or path)
    local text = file and file:read "*a"
    if file then file:close() end
    return text
  end

  it("has a line for each record, after what was there", function()
    local file = io.open(path, "w")
    file:write("before\n")
    file:close()
    local logger = open()
    logger:info("one")
    logger:error("two %d", 2)
    assert.equal("before\nINFO one\nERROR two 2\n", read())
  end)

  it("has lines of several, whole", function()
    local first, second = open(), open()
    local long = ("x"):rep(100000)
    for _ = 1, 20 do
      first:info(long)
      second:info("short")
    end
    local count = 0
    for line in io.lines(path) do
      assert.is_true(line == "INFO " .. long or line == "INFO short")
      count = count + 1
    end
    assert.equal(40, count)
  end)

  it("is opened anew on request", function()
    local logger = open()
    logger:info("one")
    os.rename(path, path .. ".1")
    logger:info("two")
    assert.is_true(log.reopen() >= 1)
    logger:info("three")
    assert.equal("INFO one\nINFO two\n", read(path .. ".1"))
    assert.equal("INFO three\n", read())
  end)

  local function log_until(logger, condition)
    local C = require("eddy.base.libeddy").C
    local deadline, count = C.eddy_time() + WITHIN_MS, 0
    repeat
      count = count + 1
      logger:info("%d", count)
      if condition() then return count end
      os.execute "sleep 0.05"
    until C.eddy_time() > deadline
    error "it never came"
  end

  it("is opened anew by itself when another one has its path, and nothing is lost", function()
    local logger = open()
    logger:info("0")
    os.rename(path, path .. ".1")
    io.open(path, "w"):close()
    local last = log_until(logger, function() return read() ~= "" end)
    local lines = {}
    for line in ((read(path .. ".1") .. read())):gmatch "INFO (%d+)" do lines[#lines + 1] = line end
    assert.equal(last + 1, #lines)
    for i, line in ipairs(lines) do assert.equal(i - 1, tonumber(line)) end
  end)

  it("is made anew when it was removed, and nobody made another one", function()
    local logger = open()
    os.remove(path)
    log_until(logger, function() return read() end)
  end)

  it("goes on where it is when it cannot be opened anew, and says so once", function()
    local code, out, err = process.eddy("-e", ([[
      local log = require "eddy.log"
      local handler = log.file_handler "%s/sub/a"
      handler:set_formatter "{message}"
      os.execute "mv %s/sub %s/other"
      handler:reopen()
      handler:reopen()
      log.logger { handlers = { handler } }:info "goes on"
      ]]):format(dir, dir, dir), os.execute("mkdir " .. dir .. "/sub"))
    process.check(0, code, out, err)
    assert.equal("goes on\n", read(dir .. "/other/a"))
    assert.equal(("eddy: log file %s/sub/a: cannot be opened anew: %s/sub/a: No such file or " ..
      "directory\n"):format(dir, dir), err)
  end)

  it("that is full costs records, which are counted, and is told of once", function()
    local code, out, err = process.eddy("-e", [[
      local log = require "eddy.log"
      local handler = log.file_handler "/dev/full"
      local logger = log.logger { handlers = { handler } }
      for _ = 1, 3 do logger:info "x" end
      print(handler.dropped)]])
    assert.equal("3\n", process.check(0, code, out, err))
    assert.equal("eddy: log file /dev/full: No space left on device; records are dropped\n", err)
  end)

  it("is not there for children", function()
    open()
    local pipe = io.popen "ls -l /proc/self/fd"
    local text = pipe:read "*a"
    pipe:close()
    assert.is_nil(text:find(path, 1, true))
  end)

  it("takes no more once its handler is closed", function()
    local logger, handler = open()
    handler:close()
    handler:close()
    handler:reopen()
    logger:info "lost"
    assert.equal(1, handler.dropped)
    assert.equal("", read())
  end)

  it("that cannot be opened is an error with its path", function()
    assert.error_matches(function() open(nil, dir .. "/none/a") end, "file_handler: " .. dir ..
      "/none/a: No such file or directory", 1, true)
    assert.error_matches(function() log.file_handler(7) end,
      "file_handler: expected a path, got number")
    assert.error_matches(function() open { repeats = 0 } end,
      "file_handler: repeats: expected a number from 1, got 0")
  end)

  it("has of what is like each other so many in a minute, and then their number", function()
    local logger, handler = open { repeats = 2 }
    for i = 1, 1003 do logger:warn("no order %d", i) end
    logger:warn("another thing")
    handler:close()
    assert.equal("WARN no order 1\nWARN no order 2\nWARN another thing\n" ..
      "WARN repeated 1,001 times: no order 3\n", read())
  end)

  describe("at SIGHUP", function()
    local script = process.READY .. [[
      local log = require "eddy.log"
      local file = os.getenv "LOG_FILE"
      local handler = log.file_handler(file)
      handler:set_formatter "{message}"
      local logger = log.logger { handlers = { handler } }
      logger:info "one"
      os.rename(file, file .. ".1")
      loop:call_every(1, function()
        local new = io.open(file)
        if not new then return end
        new:close()
        logger:info "two"
        loop:stop()
      end)
      ]]

    it("is opened anew", function()
      local code, out, err = process.signalled(script .. "loop:call_later(1, ready)",
        "kill -HUP $pid", nil, "env LOG_FILE=" .. path)
      process.check(0, code, out, err)
      assert.equal("one\n", read(path .. ".1"))
      assert.equal("two\n", read())
    end)

    it("leaves the signal to a handler of the script's, whenever that comes", function()
      local code, out, err = process.signalled(script .. [[
        loop:on_signal("HUP", function() print("mine", log.reopen()) end)
        loop:call_later(1, ready)]], "kill -HUP $pid", nil, "env LOG_FILE=" .. path)
      assert.equal("mine\t1\n", process.check(0, code, out, err))
    end)

    it("leaves it to a handler on another loop, too", function()
      local code, out, err = process.signalled(([[
        require("eddy.log").file_handler "%s"
        local path = ...
        local loop = require("eddy").loop.new()
        loop:on_signal("HUP", function() print "mine" loop:stop() end)
        loop:call_later(1, function()
          local pipe = io.open(path, "w") pipe:write("ready\n") pipe:close()
        end)
        loop:start()]]):format(path), "kill -HUP $pid")
      assert.equal("mine\n", process.check(0, code, out, err))
    end)

    it("keeps no loop running", function()
      process.check(0, process.eddy("-e", ("require('eddy.log').file_handler '%s'"):format(path)))
    end)
  end)

  it("shares SIGHUP with others that ask for it", function()
    local hangup, heard = require "eddy.loop.hangup", {}
    local function ask(i)
      hangup.add(loop, function()
        heard[i] = true
        if i == 3 then loop:stop() end
      end)
    end
    for i = 1, 3 do ask(i) end
    loop:add_callback(os.execute, "kill -HUP $PPID")
    loop:call_later(WITHIN_MS, loop.stop, loop)
    loop:start()
    assert.same({ true, true, true }, heard)
  end)
end)
