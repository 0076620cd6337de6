local C, ffi = require "spec.support.room" "zmq/routing_ids"
local support = require "spec.core.support"

describe("core/zmq/routing_ids", function()
  local claims
  before_each(function() claims = ffi.new("eddy__routing_ids") end)
  after_each(function()
    support.forget_faults()
    C.eddy__routing_ids_free(claims)
  end)

  local function set(id) return C.eddy__routing_ids_set(claims, id, #id) end

  it("are of the next connection alone, which may go without", function()
    assert.equal(0, C.eddy__routing_ids_check(claims))
    C.eddy__routing_ids_give(claims)
    set("one")
    assert.equal(0, C.eddy__routing_ids_check(claims))
    C.eddy__routing_ids_give(claims)
    assert.equal(0, C.eddy__routing_ids_check(claims))
  end)

  it("are given once; the last one noted counts, and zero bytes do", function()
    set("a\0b")
    C.eddy__routing_ids_give(claims)
    set("a\0b")
    assert.equal(-17, C.eddy__routing_ids_check(claims))
    set("a\0c")
    assert.equal(0, C.eddy__routing_ids_check(claims))
    C.eddy__routing_ids_give(claims)
    for _, id in ipairs { "a\0b", "a\0c" } do
      set(id)
      assert.equal(-17, C.eddy__routing_ids_check(claims))
    end
    set("a")
    assert.equal(0, C.eddy__routing_ids_check(claims))
  end)

  it("may be as long as libzmq takes them", function()
    local longest = ("x"):rep(254)
    assert.equal(0, set(longest .. "y"))
    C.eddy__routing_ids_give(claims)
    assert.equal(0, set(longest .. "z"))
    assert.equal(0, C.eddy__routing_ids_check(claims))
    assert.equal(0, set(longest .. "y"))
    assert.equal(-17, C.eddy__routing_ids_check(claims))
  end)

  it("say when there is no memory for one, and keep what was", function()
    set("a")
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, 12)
    assert.equal(-12, set("b"))
    C.eddy__routing_ids_give(claims)
    set("a")
    assert.equal(-17, C.eddy__routing_ids_check(claims))
  end)
end)
