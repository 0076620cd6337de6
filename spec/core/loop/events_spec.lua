local C, ffi = require "spec.support.room" "loop/events"
local support = require "spec.core.support"

describe("core/loop/events", function()
  local batch

  before_each(function() batch = ffi.new("eddy__events") end)

  after_each(function()
    support.forget_faults()
    C.eddy__events_free(batch)
    assert.same({ 0, 0 }, { batch.count, batch.capacity })
  end)

  local function add(kind, id, value)
    assert.equal(0, C.eddy__events_reserve(batch))
    return C.eddy__events_add(batch, kind, id, value)
  end

  it("keeps events in order while it grows", function()
    for i = 1, 1000 do add(C.EDDY_TIMER, i, -i) end
    assert.equal(1000, batch.count)
    for i = 1, 1000 do
      local event = batch.events[i - 1]
      assert.same({ tonumber(C.EDDY_TIMER), i, -i }, { event.kind, event.id, event.value })
    end
  end)

  it("makes events that have nothing of the ones before", function()
    local event = add(C.EDDY_RECEIVED, 1, 2)
    event.reported, event.number, event.inbox = 3, 4, ffi.cast("eddy_inbox *", batch)
    batch.count = 0
    event = add(C.EDDY_SENT, 5, 6)
    assert.same({ 5, 6, 0, 0 }, { event.id, event.value, event.reported, event.number })
    assert.is_true(event.inbox == nil)
  end)

  it("stays as it was when there is no memory", function()
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, support.errno.ENOMEM)
    assert.equal(-support.errno.ENOMEM, C.eddy__events_reserve(batch))
    for i = 1, 64 do add(C.EDDY_TIMER, i, 0) end
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, support.errno.ENOMEM)
    assert.equal(-support.errno.ENOMEM, C.eddy__events_reserve(batch))
    assert.equal(64, batch.count)
    add(C.EDDY_TIMER, 65, 0)
    assert.equal(1, batch.events[0].id)
    assert.equal(65, batch.events[64].id)
  end)
end)
