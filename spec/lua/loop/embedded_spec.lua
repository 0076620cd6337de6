local ffi = require "ffi"
local eddy = require "eddy"
local support = require "spec.lua.support"

ffi.cdef [[
int pipe(int fds[2]);
int close(int fd);
long read(int fd, void *buffer, size_t size);
long write(int fd, const void *buffer, size_t size);
]]

describe("loop.embed", function()
  local loop, fds

  support.each(function(...) loop = ... end)
  before_each(function()
    fds = ffi.new("int[2]")
    ffi.C.pipe(fds)
  end)
  after_each(function()
    ffi.C.close(fds[0])
    ffi.C.close(fds[1])
  end)

  local function write(text) ffi.C.write(fds[1], text, #text) end

  -- A loop whose work is to read a pipe, byte by byte.
  local function reader(more)
    local inner = { fd = fds[0], name = "pipe", read = "" }
    function inner.step()
      local byte = ffi.new("char[1]")
      if ffi.C.read(fds[0], byte, 1) == 1 then inner.read = inner.read .. ffi.string(byte, 1) end
    end
    for name, value in pairs(more or {}) do inner[name] = value end
    local options = { fd = inner.fd, name = inner.name, step = inner.step,
      timeout = inner.timeout, alive = inner.alive }
    return inner, options
  end

  it("steps when the descriptor tells", function()
    local inner, options = reader()
    local embedded = loop:embed(options)
    assert.equal('embedded loop "pipe"', tostring(embedded))
    write "abc"
    support.wait(loop, function() return inner.read == "abc" end)
    embedded:close()
    embedded:close()
    assert.equal('embedded loop "pipe" (closed)', tostring(embedded))
    write "d"
    support.turns(loop, 3)
    assert.equal("abc", inner.read)
  end)

  it("steps when the time is up, which is asked before each wait", function()
    local due, steps
    local function step()
      steps = steps + 1
      due = loop:time() + 3
      if steps == 3 then loop:stop() end
    end
    due, steps = loop:time() + 1, 0
    loop:embed { fd = fds[0], step = step, timeout = function() return due - loop:time() end }
    support.run(loop)
    assert.equal(3, steps)
    loop:call_later(1, function() due = 0 end)
    steps = 2
    due = loop:time() + 1e6
    support.run(loop)
    assert.equal(3, steps)
  end)

  it("waits for the descriptor when there is no time", function()
    for _, timeout in ipairs { function() end, function() return math.huge end } do
      local embedded = loop:embed { fd = fds[0], step = error, timeout = timeout }
      loop:call_later(2, loop.stop, loop)
      support.run(loop)
      embedded:close()
    end
  end)

  it("is due again and again without holding the others up", function()
    local steps, ticks = 0, 0
    loop:embed { fd = fds[0], step = function() steps = steps + 1 end,
      timeout = function() return 0 end }
    loop:call_every(1, function()
      ticks = ticks + 1
      if ticks == 3 then loop:stop() end
    end)
    support.run(loop)
    assert.is_true(steps > 3)
  end)

  it("keeps the loop running as long as it is alive", function()
    local left = 3
    local inner, options = reader { alive = function() return left > 0 end }
    local step = options.step
    function options.step()
      step()
      left = left - 1
    end
    loop:embed(options)
    write "abcd"
    loop:_run_until_idle()
    assert.equal("abc", inner.read)
    left = 1
    loop:_run_until_idle()
    assert.equal("abcd", inner.read)
  end)

  it("keeps it running until it is closed when it does not tell", function()
    local embedded
    local _, options = reader()
    function options.step() embedded:close() end
    embedded = loop:embed(options)
    write "a"
    loop:_run_until_idle()
    assert.is_false(loop._embedded)
  end)

  it("counts in the search for deadlocks", function()
    local future = eddy.future(loop)
    local is_alive = true
    local _, options = reader { alive = function() return is_alive end }
    local step = options.step
    function options.step()
      step()
      is_alive = false
      future:set_result "done"
    end
    loop:embed(options)
    write "a"
    assert.equal("done", future:await())
    local err = select(2, pcall(eddy.future(loop).await, eddy.future(loop)))
    assert.matches("^deadlock", err)
  end)

  it("tells errors with its name, and goes on", function()
    local inner, options = reader()
    local step = options.step
    function options.step()
      step()
      if #inner.read == 1 then error("oops") end
    end
    loop:embed(options)
    write "ab"
    support.wait(loop, function() return inner.read == "ab" end)
    assert.matches('^embedded loop "pipe": .*embedded_spec.lua:%d+: oops\nstack traceback',
      support.take_log())
  end)

  it("is closed when its time cannot be asked", function()
    local _, options = reader { timeout = function() error "no time" end }
    local embedded = loop:embed(options)
    support.turns(loop, 2)
    assert.matches('embedded loop "pipe": .*no time', support.take_log())
    assert.matches("%(closed%)$", tostring(embedded))
  end)

  it("may be closed, and others embedded, in a step", function()
    local order = {}
    local first
    first = loop:embed { fd = fds[0], name = "first", step = function()
      order[#order + 1] = "first"
      first:close()
      loop:embed { fd = fds[0], name = "second", step = function()
        order[#order + 1] = "second"
        loop:stop()
      end }
    end }
    write "a"
    support.run(loop)
    assert.same({ "first", "second" }, order)
  end)

  it("does not step it again while a step waits", function()
    local steps = 0
    local is_due = true
    loop:embed { fd = fds[0], timeout = function() return is_due and 0 or nil end,
      step = function()
        steps = steps + 1
        support.suspend(loop, 3)
        assert.equal(1, steps)
        is_due = false
        loop:stop()
      end }
    support.run(loop)
    assert.equal(1, steps)
  end)

  it("is closed with its loop, before what it may use there", function()
    local other = eddy.loop.new()
    local socket = require("eddy.zmq").instance():socket(require("eddy.zmq").PAIR)
    local stream, is_closed = eddy.stream(socket, other), nil
    local embedded = other:embed { fd = fds[0], step = print }
    embedded._closed = function() is_closed = stream:closed() end
    other:close()
    assert.is_false(is_closed)
    assert.matches("%(closed%)$", tostring(embedded))
    embedded:close()
  end)

  it("refuses what is none", function()
    local function refused(text, options)
      assert.error_matches(function() loop:embed(options) end, text, 1, true)
    end
    refused("embed: expected a table, got nil")
    refused("embed: no such option: 'fdd'", { fdd = 1 })
    refused("embed: fd: expected a descriptor's number, got nil", { step = print })
    refused("embed: step: expected a function, got nil", { fd = 0 })
    refused("embed: timeout: expected a function, got number",
      { fd = 0, step = print, timeout = 1 })
    refused("embed: alive: expected a function, got boolean",
      { fd = 0, step = print, alive = true })
    assert.error_matches(function() loop:embed { fd = 999999, step = print } end, "EBADF")
    assert.equal(0, loop:stats().handlers)
    assert.equal(0, loop._expected)
  end)
end)
