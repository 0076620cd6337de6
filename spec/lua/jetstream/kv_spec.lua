local eddy = require "eddy"
local support = require "spec.lua.support"
local shared = require "spec.lua.jetstream.support"

if shared.missing then
  describe("a bucket", function() shared.is_pending "keeps values" end)
  return
end

describe("a bucket", function()
  local server = shared.server()
  local loop
  support.each(function(l) loop = l end)
  local link, name
  before_each(function()
    name = shared.name "bucket"
    link = eddy.jetstream.connect { server.url, loop = loop, reconnect_wait = 20 }
    link:on_event(function() end)
  end)
  after_each(function() if loop._c then link:close() end end)

  -- Runs fn(bucket) in a task.
  local function with(fn)
    return support.task(loop, function() return fn(link:kv(name, {}):await()) end)
  end

  local function error_of(future)
    local ok, err = pcall(future.await, future)
    assert.is_false(ok)
    return err.name
  end

  it("keeps values, whatever bytes they have", function()
    with(function(bucket)
      for size = 0, 10 do
        local value = ("\0\255a\n"):rep(3):sub(1, size)
        local revision = bucket:put("a.b", value):await()
        local got, of = bucket:get("a.b"):await()
        assert.equal(value, got)
        assert.equal(revision, of)
        assert.equal(size + 1, of)
      end
      assert.is_nil(bucket:get("other"):await())
    end)
  end)

  it("creates a key once, and again after it was deleted", function()
    with(function(bucket)
      assert.equal(1, bucket:create("k", "1"):await())
      assert.equal("EEXIST", error_of(bucket:create("k", "2")))
      assert.is_true(bucket:delete("k"):await())
      assert.is_nil(bucket:get("k"):await())
      assert.equal(3, bucket:create("k", "3"):await())
      assert.equal("3", (bucket:get("k"):await()))
    end)
  end)

  it("updates a revision, and no other", function()
    with(function(bucket)
      local first = bucket:put("k", "1"):await()
      local second = bucket:update("k", "2", first):await()
      assert.equal("EEXIST", error_of(bucket:update("k", "3", first)))
      assert.equal("2", (bucket:get("k"):await()))
      bucket:update("k", "3", second):await()
    end)
  end)

  it("tells those who watch, from what there is on", function()
    local seen = {}
    with(function(bucket)
      bucket:put("a.x", "1"):await()
      bucket:put("a.x", "2"):await()
      bucket:put("b.x", "3"):await()
      local watch = bucket:watch("a.>", function(entry)
        seen[#seen + 1] = ("%s=%s %s %d"):format(entry.key, tostring(entry.value), entry.operation,
          entry.revision)
      end)
      while #seen < 1 do eddy.future.sleep(5):await() end
      bucket:put("a.y", "4"):await()
      bucket:delete("a.x"):await()
      while #seen < 3 do eddy.future.sleep(5):await() end
      watch:close()
      bucket:put("a.z", "5"):await()
    end)
    support.turns(loop, 10)
    assert.same({ "a.x=2 PUT 2", "a.y=4 PUT 4", "a.x=nil DEL 5" }, seen)
  end)

  it("goes on to tell them when the server was away", function()
    local seen = {}
    with(function(bucket)
      bucket:watch(">", function(entry) seen[#seen + 1] = entry.value end)
      bucket:put("a", "1"):await()
      while #seen < 1 do eddy.future.sleep(5):await() end
    end)
    server:stop()
    support.wait(loop, function() return not link:connected() end)
    server:start()
    with(function(bucket)
      bucket:put("a", "2"):await()
      while #seen < 2 do eddy.future.sleep(5):await() end
    end)
    assert.same({ "1", "2" }, seen)
  end)

  it("that is missing is an error", function()
    support.task(loop, function() assert.equal("ENOENT", error_of(link:kv(name))) end)
  end)

  it("says what is wrong with what it is given", function()
    with(function(bucket)
      assert.error_matches(function() bucket:get "a b" end, "get: expected a key")
      assert.error_matches(function() bucket:put("a", 5) end, "put: expected a string, got number")
      assert.error_matches(function() bucket:update("a", "x") end, "update: expected a revision")
      assert.error_matches(function() bucket:watch("a", 5) end, "watch: expected a function")
    end)
    assert.error_matches(function() link:kv "a.b" end, "kv: expected a name")
    assert.error_matches(function() link:kv("a", { hist = 1 }) end, "no such option: 'hist'")
    assert.error_matches(function() link:kv("a", { history = 100 }) end, "from 1 to 64")
  end)
end)
