local C, ffi = require "spec.support.room" "stream/lost_peers"
local support = require "spec.core.support"

describe("core/stream/lost_peers", function()
  local peers

  before_each(function() peers = ffi.new("eddy__lost_peers") end)

  after_each(function()
    support.forget_faults()
    C.eddy__lost_peers_free(peers)
  end)

  local function add(id)
    local msg = ffi.new("zmq_msg_t")
    C.zmq_msg_init_size(msg, #id)
    ffi.copy(C.zmq_msg_data(msg), id, #id)
    C.eddy__lost_peers_add(peers, msg)
    C.zmq_msg_close(msg)
  end

  local function take()
    local peer = ffi.new("char[?]", C.EDDY_PEER_BYTES)
    local size = C.eddy__lost_peers_take(peers, peer)
    return size > 0 and ffi.string(peer, size) or size
  end

  it("gives them back in their order, of any bytes and sizes", function()
    local ids = { "alice", "\0\1", ("x"):rep(255) }
    for _ = 1, 50 do
      for _, id in ipairs(ids) do add(id) end
      assert.equal(ids[1], take())
      add("last")
      for _, id in ipairs { ids[2], ids[3], "last" } do assert.equal(id, take()) end
      assert.equal(0, take())
    end
    assert.is_true(tonumber(peers.capacity) < 2000)
  end)

  it("keeps the place of what is no name of a peer", function()
    for _, id in ipairs { "", ("x"):rep(256), "bob" } do add(id) end
    assert.equal(0, take())
    assert.equal(0, take())
    assert.equal("bob", take())
  end)

  it("names nobody once one was left out for want of memory, rather than a wrong one", function()
    add("alice")
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, 12)
    add(("x"):rep(200))
    add("bob")
    assert.equal(0, take())
    assert.equal(0, take())
  end)
end)
