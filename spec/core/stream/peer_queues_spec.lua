local C, ffi = require "spec.support.room" "stream/peer_queues"
local support = require "spec.core.support"

describe("core/stream/peer_queues", function()
  local lanes

  before_each(function()
    lanes = ffi.new("eddy__peer_queues")
    C.eddy__peer_queues_init(lanes)
  end)

  after_each(support.forget_faults)

  local function open(name) return C.eddy__peer_queues_open(lanes, name, #name) end
  local function find(name) return C.eddy__peer_queues_find(lanes, name, #name) end
  local function close(name) C.eddy__peer_queues_close(lanes, find(name)) end
  local function next_name()
    local lane = C.eddy__peer_queues_next(lanes)
    return ffi.string(lane.name, lane.size)
  end

  it("finds the lane of a name, of whatever bytes, and no other", function()
    local names = { "", "a", "aa", "\0", "\0\0", "a\0b", "a\0c", ("x"):rep(255) }
    for _, name in ipairs(names) do assert.is_true(find(name) == nil) end
    for _, name in ipairs(names) do assert.is_true(open(name) ~= nil) end
    for _, name in ipairs(names) do
      assert.is_true(find(name) == open(name))
      assert.equal(name, ffi.string(find(name).name, find(name).size))
    end
    assert.equal(#names, tonumber(lanes.count))
    for _, name in ipairs(names) do close(name) end
    for _, name in ipairs(names) do assert.is_true(find(name) == nil) end
    assert.equal(0, tonumber(lanes.count))
  end)

  it("takes turns, the newest last", function()
    open "a"
    open "b"
    assert.same({ "a", "b", "a" }, { next_name(), next_name(), next_name() })
    open "c"
    assert.same({ "b", "a", "c", "b" }, { next_name(), next_name(), next_name(), next_name() })
    close "a"
    assert.same({ "c", "b", "c" }, { next_name(), next_name(), next_name() })
    close "b"
    close "c"
  end)

  it("opens none without memory", function()
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, support.errno.ENOMEM)
    assert.is_true(open "a" == nil)
    assert.is_true(find "a" == nil)
    assert.equal(0, tonumber(lanes.count))
  end)

  it("does what a table does, whatever the order of operations", function()
    math.randomseed(5)
    local names, count = {}, 0
    for _ = 1, 5000 do
      local name = tostring(math.random(200))
      if names[name] then close(name) else open(name) end
      count = count + (names[name] and -1 or 1)
      names[name] = not names[name]
      assert.equal(count, tonumber(lanes.count))
      local other = tostring(math.random(200))
      assert.equal(names[other] or false, find(other) ~= nil)
    end
    for name, there in pairs(names) do if there then close(name) end end
  end)
end)
