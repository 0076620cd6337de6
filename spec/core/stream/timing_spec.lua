local C, ffi = require "spec.support.room" "stream/stream"
local support = require "spec.core.support"

-- How long handlers take, as the counters page has it. That something takes long enough is always
-- to be seen, that it does not take too long is not.
describe("core/stream/timing", function()
  local world, stream, peer, page
  support.each(function(...)
    world = ...
    world.unread = true
    local pull
    peer, pull = world:pair("PUSH", "PULL")
    stream = world:stream(pull, true)
    world:turn(0)
    page = nil
  end)

  local function spend(ms)
    local from = C.eddy_time()
    repeat until C.eddy_time() - from >= ms
  end

  -- So many messages are received, of which `read` are then taken by handle(i).
  local function batch(count, handle, read)
    for i = 1, count do assert.equal(0, world:put(peer, tostring(i))) end
    local inbox = world:event("RECEIVED", stream).inbox
    assert.equal(count, inbox.tail - inbox.head)
    C.eddy_stream_begin(world.loop, stream)
    page = page or ffi.cast("eddy_page_stream *", (world:page_record(stream)))
    for i = 1, read or count do
      inbox.head = inbox.head + 1
      handle(i)
      if inbox.is_timed ~= 0 then C.eddy_stream_lap(world.loop) end
    end
    return inbox
  end

  local function finish() return C.eddy_stream_end(world.loop) end

  local function times() return page.handling end

  local function quick() end

  it("counts each message of a turn", function()
    batch(5, quick)
    finish()
    assert.equal(5, times().count)
    assert.is_true(times().total > 0)
  end)

  -- How many took from 16 ms on.
  local function slow()
    local count = 0
    for i = 18, C.EDDY_PAGE_BUCKETS - 1 do count = count + times().buckets[i] end
    return count
  end

  it("sees a slow one among quick ones", function()
    for _ = 1, 20 do
      batch(10, quick)
      finish()
    end
    batch(10, function(i) if i == 4 then spend(20) end end)
    finish()
    assert.equal(210, times().count)
    assert.is_true(times().longest > 19)
    assert.equal(1, slow())
  end)

  it("looks at each of those that are slow, once they are no longer the first ones", function()
    for _ = 1, 20 do
      local inbox = batch(50, function(i) if i == 1 then spend(1) end end)
      assert.equal(0, inbox.is_timed)
      finish()
    end
    local before = slow()
    local inbox = batch(4, function(i) if i % 2 == 0 then spend(20) end end)
    assert.equal(1, inbox.is_timed)
    finish()
    assert.equal(1004, times().count)
    assert.equal(before + 2, slow())
  end)

  it("ends with the next turn what waits or fails", function()
    batch(4, function() spend(5) end, 2)
    world:turn(0)
    assert.is_true(times().count >= 2 and times().total >= 10)
    local count = times().count
    finish()
    assert.equal(count, times().count)
  end)

  it("says since when, and measures nothing on closed streams and other loops", function()
    batch(1, quick)
    local loop = C.eddy_loop_page(world.loop)
    local since = loop.since
    assert.is_true(finish() >= since and loop.since >= since)
    batch(1, quick)
    C.eddy_stream_close(world.loop, stream, 0)
    finish()
    assert.is_true(C.eddy_stream_begin(world.loop, stream) > 0)
    C.eddy_stream_lap(world.loop)
    C.eddy_stream_lap(nil)
    assert.is_true(C.eddy_stream_end(nil) > 0)
    assert.equal(0, page.record.kind)
  end)
end)
