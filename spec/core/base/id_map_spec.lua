local C, ffi = require "spec.support.room" "base/id_map"
local support = require "spec.core.support"

local STREAM, TIMER = 1, 2

describe("core/base/id_map", function()
  local slots, things

  before_each(function()
    slots, things = ffi.new("eddy__id_map"), ffi.new("int[10]")
    C.eddy__id_map_init(slots)
  end)

  after_each(function()
    support.forget_faults()
    C.eddy__id_map_free(slots)
  end)

  local function add(i, kind) return C.eddy__id_map_add(slots, things + i, kind or STREAM) end

  local function find(id, kind)
    local object = C.eddy__id_map_find(slots, id, kind or STREAM)
    return object ~= nil and ffi.cast("int *", object) - things or nil
  end

  local function slot(id) return id % 2 ^ tonumber(C.EDDY_SLOT_BITS) end

  it("finds what was added, by positive ids that differ", function()
    local a, b = add(0), add(1)
    assert.is_true(a > 0 and b > 0 and a ~= b)
    assert.equal(0, find(a))
    assert.equal(1, find(b))
    assert.equal(2, slots.count)
  end)

  it("is an empty one once it was freed", function()
    local id = add(0)
    C.eddy__id_map_free(slots)
    assert.is_nil(find(id))
    assert.equal(0, slots.count)
    assert.equal(1, find(add(1)))
  end)

  it("finds nothing by the wrong kind, by zero, or by an id that never was", function()
    local id = add(0, TIMER)
    assert.is_nil(find(id, STREAM))
    assert.equal(0, find(id, TIMER))
    for _, wrong in ipairs { 0, 1, 63, 64, id + 1, 2 ^ 21 - 1, 2 ^ 31 - 1, 2 ^ 31, 2 ^ 32 - 1 } do
      assert.is_nil(find(wrong, TIMER))
    end
  end)

  it("misses a stale id, also when its slot has a new tenant", function()
    local old = add(0)
    C.eddy__id_map_remove(slots, old)
    assert.is_nil(find(old))
    local new, turns = add(1), 0
    while slot(new) ~= slot(old) do
      C.eddy__id_map_remove(slots, new)
      new, turns = add(1), turns + 1
    end
    -- A slot rests, so that it does not go through its generations fast.
    assert.is_true(turns >= 63)
    assert.are_not.equal(old, new)
    assert.is_nil(find(old))
    assert.equal(1, find(new))
  end)

  it("ignores the removal of what is gone", function()
    local old = add(0)
    C.eddy__id_map_remove(slots, old)
    local new = add(1)
    C.eddy__id_map_remove(slots, old)
    C.eddy__id_map_remove(slots, 0)
    C.eddy__id_map_remove(slots, 12345)
    assert.equal(1, find(new))
    assert.equal(1, slots.count)
  end)

  it("reuses the slot that has been free for longest", function()
    local ids = {}
    for i = 0, 67 do ids[i] = add(i % 10) end
    for i = 3, 67 do C.eddy__id_map_remove(slots, ids[i]) end
    C.eddy__id_map_remove(slots, ids[0])
    -- 64 stay free, the others are reused.
    for _, i in ipairs { 3, 4, 5 } do assert.equal(i, slot(add(1))) end
    assert.equal(68, slot(add(5)))
  end)

  it("keeps its entries where they are while it grows", function()
    local first = add(0)
    local entry = slots.chunks[0]
    local ids = {}
    for i = 1, 5000 do ids[i] = add(i % 10) end
    assert.equal(entry, slots.chunks[0])
    assert.equal(0, find(first))
    for i = 1, 5000 do assert.equal(i % 10, find(ids[i])) end
    assert.equal(5001, slots.used)
  end)

  it("shows all of them by position, and the gaps", function()
    local ids = { add(0, STREAM), add(1, TIMER), add(2, STREAM) }
    C.eddy__id_map_remove(slots, ids[2])
    local kind, seen = ffi.new("int[1]"), {}
    for i = 0, slots.used - 1 do
      local object = C.eddy__id_map_at(slots, i, kind)
      seen[#seen + 1] = object == nil and "-" or tostring(kind[0])
    end
    assert.equal("1 - 1", table.concat(seen, " "))
    assert.is_true(C.eddy__id_map_at(slots, slots.used, kind) == nil)
  end)

  it("does what a table does, whatever the order of operations", function()
    math.randomseed(11)
    local held, gone = {}, {}
    for _ = 1, 20000 do
      if math.random() < 0.55 or #held == 0 then
        local thing = math.random(0, 9)
        held[#held + 1] = { id = add(thing), thing = thing }
      else
        local victim = table.remove(held, math.random(#held))
        C.eddy__id_map_remove(slots, victim.id)
        gone[#gone + 1] = victim.id
      end
    end
    assert.equal(#held, slots.count)
    for _, entry in ipairs(held) do assert.equal(entry.thing, find(entry.id)) end
    local held_ids = {}
    for _, entry in ipairs(held) do held_ids[entry.id] = true end
    for _, id in ipairs(gone) do
      if not held_ids[id] then assert.is_nil(find(id)) end
    end
  end)

  it("keeps ids positive when a slot's generations have come round", function()
    for _ = 1, 3000 do
      local id = add(0)
      assert.is_true(id >= 2 ^ tonumber(C.EDDY_SLOT_BITS))
      C.eddy__id_map_remove(slots, id)
    end
  end)

  it("tells when there is no memory, and works afterwards", function()
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, support.errno.ENOMEM)
    assert.equal(-support.errno.ENOMEM, add(0))
    assert.equal(0, slots.count)
    assert.equal(0, find(add(0)))
  end)
end)
