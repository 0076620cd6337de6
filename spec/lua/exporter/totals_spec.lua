local totals = require "eddy.exporter.totals"

describe("eddy.exporter.totals", function()
  local sums
  before_each(function() sums = totals.new() end)

  -- A look: what each source has counted; returns the one sum.
  local function look(counts, now)
    sums:begin()
    for source, count in pairs(counts) do sums:add("jobs", source, { count }) end
    local found = sums:finish(now or 0)
    return found.jobs and found.jobs[1]
  end

  it("sums", function() assert.equal(5, look { a = 2, b = 3 }) end)

  it("keeps what those have counted that are gone", function()
    look { a = 2, b = 3 }
    assert.equal(6, look { a = 3 })
    assert.equal(8, look { a = 4, c = 1 })
    assert.equal(8, look {})
    assert.equal(9, look { c = 1 }) -- one that comes back is another
  end)

  it("never falls", function()
    look { a = 5 }
    assert.equal(5, look { a = 2 })
    assert.equal(5, look { a = 3 })
    assert.equal(6, look { a = 6 })
  end)

  it("forgets what nobody has counted for a quarter of an hour", function()
    look({ a = 5 }, 0)
    assert.equal(5, look({}, 1000))
    assert.equal(5, look({}, 14 * 60 * 1000))
    assert.is_nil(look({}, 16 * 60 * 1000))
    assert.equal(1, look({ b = 1 }, 16 * 60 * 1000))
  end)
end)
