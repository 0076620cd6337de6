local C, ffi = require "spec.support.room" "counters/times"

describe("core/counters/times", function()
  local times
  before_each(function() times = ffi.new("eddy_page_times") end)

  -- The bucket that a time goes to, and nothing else does.
  local function bucket_of(ms)
    times = ffi.new("eddy_page_times")
    C.eddy_page_note(times, ms)
    local found
    for i = 0, C.EDDY_PAGE_BUCKETS - 1 do
      if times.buckets[i] ~= 0 then
        assert.is_nil(found)
        found = i
      end
    end
    return found
  end

  it("puts each time below the limit of its bucket, and above the one before", function()
    for i = 1, C.EDDY_PAGE_BUCKETS - 2 do
      local limit = 2 ^ (i - 4) / 1e3
      assert.equal(i, bucket_of(limit * 0.999))
      assert.equal(i, bucket_of(limit * 0.501))
      assert.equal(i + 1, bucket_of(limit * 1.001))
    end
  end)

  it("has a first one for all that is less, and a last one for all that is more", function()
    assert.equal(0, bucket_of(0))
    assert.equal(0, bucket_of(-1))
    assert.equal(0, bucket_of(1e-9))
    assert.equal(C.EDDY_PAGE_BUCKETS - 1, bucket_of(1e9))
    assert.equal(C.EDDY_PAGE_BUCKETS - 1, bucket_of(math.huge))
  end)

  it("has their number, their sum, and the longest", function()
    for _, ms in ipairs { 2, 3, 1 } do C.eddy_page_note(times, ms) end
    assert.same({ 3, 6, 3 }, { times.count, times.total, times.longest })
  end)
end)
