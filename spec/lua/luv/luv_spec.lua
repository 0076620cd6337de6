local eddy = require "eddy"
local support = require "spec.lua.support"

local has_luv = pcall(function() return eddy.luv(eddy.loop.instance()) end)
if eddy.loop.initialized() then eddy.loop.instance():close() end

describe("eddy.luv", function()
  if not has_luv then
    pending("needs luv; on Debian: apt-get install lua-luv")
    return
  end

  local loop, uv

  support.each(function(...)
    loop = ...
    loop:make_current()
    uv = eddy.luv()
  end)
  after_each(eddy.loop.clear_current)

  it("returns luv's module", function()
    assert.equal(require "luv", uv)
    assert.equal(uv, require "eddy.luv" (loop))
  end)

  it("runs luv's requests and handles, and lets the loop end without them", function()
    loop:_run_until_idle()
    local seen = {}
    uv.fs_stat("/", function(err, stat) seen[1] = err or stat.type end)
    local timer = uv.new_timer()
    timer:start(2, 0, function()
      seen[2] = "timer"
      timer:close(function() seen[3] = "closed" end)
    end)
    loop:_run_until_idle()
    assert.same({ "directory", "timer", "closed" }, seen)
  end)

  it("has a timer count from now, whatever time luv had", function()
    support.busy(30)
    local before, after = loop:time()
    local timer = uv.new_timer()
    uv.timer_start(timer, 20, 0, function()
      after = loop:time()
      timer:close()
    end)
    loop:_run_until_idle()
    assert.is_true(after - before >= 19)
  end)

  it("has a task wait for a callback", function()
    local kind, missing = support.task(loop, function()
      local err, stat = eddy.luv.await(function(done) uv.fs_stat("/", done) end)
      local other = eddy.luv.await(function(done) uv.fs_stat("/nowhere", done) end)
      return err or stat.type, other
    end)
    assert.equal("directory", kind)
    assert.matches("^ENOENT", missing)
  end)

  it("has the main program wait, too", function()
    local err, answers = eddy.luv.await(function(done)
      uv.getaddrinfo("127.0.0.1", nil, { family = "inet" }, done)
    end)
    assert.is_nil(err)
    assert.equal("127.0.0.1", answers[1].addr)
  end)

  it("tells errors in its callbacks, and goes on", function()
    local closed = false
    uv.fs_stat("/", function() error "oops" end)
    local timer = uv.new_timer()
    timer:start(1, 0, function()
      timer:close(function() closed = true end)
      error { "no text" }
    end)
    loop:_run_until_idle()
    assert.is_true(closed)
    local text = support.take_log()
    assert.matches('embedded loop "luv": .*luv_spec.lua:%d+: oops\nstack traceback', text)
    assert.matches('embedded loop "luv": table', text)
  end)

  it("lets callbacks set futures and spawn tasks, but not wait", function()
    local future, err = eddy.future(), nil
    uv.fs_stat("/", function()
      err = select(2, pcall(eddy.sleep, 1))
      eddy.spawn(function()
        eddy.sleep(1)
        future:set_result "spawned"
      end)
    end)
    assert.equal("spawned", future:await())
    assert.matches("a coroutine cannot wait for sleep .*luv's", err)
  end)

  it("survives that the coroutine that first asked for it is gone", function()
    local text, code = support.script [[
      local eddy = require "eddy"
      eddy.loop.instance():call_later(0, function()
        eddy.spawn(function()
          local uv = eddy.luv()
          uv.fs_stat("/", function(err, stat) print(stat.type) end)
          eddy.sleep(0)
        end)
      end)
      local function collect() collectgarbage() collectgarbage() end
      collect()
      eddy.loop.instance():call_later(0, collect)
    ]]
    assert.equal("directory\n", text)
    assert.equal(0, code)
  end)

  it("runs on one loop at a time", function()
    local other = eddy.loop.new()
    assert.error_matches(function() eddy.luv(other) end, "luv runs on another loop", 1, true)
    loop:close()
    assert.equal(uv, eddy.luv(other))
    other:close()
    assert.error_matches(function() eddy.luv(7) end, "expected a loop, got number")
  end)

  it("says what to install where luv is missing", function()
    local text = support.script [[
      package.cpath = ""
      print(pcall(function() return require("eddy").luv() end))
    ]]
    assert.matches("eddy.luv needs luv; on Debian: apt%-get install lua%-luv", text)
  end)
end)
