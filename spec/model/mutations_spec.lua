-- That the proof is a proof: with a rule of the core broken, the sequences must tell.
local sequence = require "spec.model.sequence"

describe("random sequences with a broken rule", function()
  local function missed(options)
    local sum = 0
    for seed = 1, 300 do sum = sum + (sequence.play(seed, options)) end
    return sum
  end

  it("miss wake-ups when a touched socket is not looked at again, and none else", function()
    assert.equal(0, missed {})
    assert.is_true(missed { mutation = "EDDY__FAULT_TOUCH" } > 0)
  end)
end)
