-- EDDY_SEQUENCES is how many are played, EDDY_SEED the first one's seed: a new one each time
-- unless given. A failure tells its seed; EDDY_SEED=n EDDY_SEQUENCES=1 plays it again.
local sequence = require "spec.model.sequence"

local COUNT = math.ceil(tonumber(os.getenv("EDDY_SEQUENCES") or 5000) / 2)
local SEED = tonumber(os.getenv("EDDY_SEED")) or os.time() % 1e6 * 1000

describe("random sequences", function()
  local function play(options)
    local delivered = 0
    for seed = SEED, SEED + COUNT - 1 do
      local _, messages = sequence.play(seed, options)
      delivered = delivered + messages
    end
    return delivered
  end

  it("do what the naive model says", function()
    assert.is_true(play { fails = false } > COUNT or COUNT < 20)
  end)

  it("do so while calls of the core fail", function()
    play { fails = true }
  end)
end)
