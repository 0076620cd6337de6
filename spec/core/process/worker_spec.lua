local C, ffi = require "spec.support.room" "base/faults"
local errno = require("spec.core.support").errno

describe("core/process/worker", function()
  it("is none unless told", function()
    local answer = ffi.new "char[8]"
    assert.same({ 0, 0 }, { C.eddy_worker_index(), C.eddy_worker_count() })
    assert.equal(-errno.EPIPE, C.eddy_worker_tell "up")
    assert.equal(-errno.EPIPE, C.eddy_worker_ask("share tcp://127.0.0.1:1", answer, 8))
  end)

  it("refuses what cannot be", function()
    for _, case in ipairs { { 0, 1, 3 }, { 2, 1, 3 }, { -1, 1, 3 }, { 1, 1, -1 } } do
      assert.equal(-errno.EINVAL, C.eddy_worker_begin(unpack(case)))
    end
    assert.equal(-errno.EBADF, C.eddy_worker_begin(1, 1, 1000000))
    assert.equal(0, C.eddy_worker_count())
  end)
end)
