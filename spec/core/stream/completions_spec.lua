local C, ffi = require "spec.support.room" "stream/completions"
local support = require "spec.core.support"

local STREAM, ENOMEM, EHOSTUNREACH = 77, support.errno.ENOMEM, support.errno.EHOSTUNREACH

describe("core/stream/completions", function()
  local outcomes, batch

  local next_number

  before_each(function()
    outcomes, batch = ffi.new("eddy__completions"), ffi.new("eddy__events")
    next_number = 1
  end)

  after_each(function()
    support.forget_faults()
    C.eddy__completions_free(outcomes)
    C.eddy__events_free(batch)
  end)

  it("keep so many failures that nobody waits for, and all others", function()
    local most = tonumber(C.EDDY__FAILURES_TO_TELL)
    for _ = 1, 2 do
      for _ = 1, most + 10 do C.eddy__completions_note(outcomes, EHOSTUNREACH, 0, 0) end
      assert.equal(most, outcomes.count)
      C.eddy__completions_expect(outcomes)
      C.eddy__completions_note(outcomes, EHOSTUNREACH, 1, 1)
      assert.equal(most + 1, outcomes.count)
      C.eddy__completions_tell(outcomes, batch, STREAM)
      batch.count = 0
    end
  end)

  it("give the room for many back when all is told", function()
    for i = 1, 3000 do
      C.eddy__completions_expect(outcomes)
      C.eddy__completions_note(outcomes, i % 2 * EHOSTUNREACH, 1, i)
    end
    assert.is_true(outcomes.capacity >= 3000)
    C.eddy__completions_expect(outcomes)
    C.eddy__completions_tell(outcomes, batch, STREAM)
    assert.is_true(outcomes.capacity >= 3000)
    C.eddy__completions_note(outcomes, 0, 1, 3001)
    C.eddy__completions_tell(outcomes, batch, STREAM)
    assert.same({ 0, 0, 0 }, { outcomes.capacity, outcomes.count, outcomes.expected })
    C.eddy__completions_expect(outcomes)
    C.eddy__completions_note(outcomes, 0, 1, 3002)
    assert.equal(1, outcomes.count)
  end)

  local function expect() assert.equal(0, C.eddy__completions_expect(outcomes)) end
  local function note(err, reported, number)
    C.eddy__completions_note(outcomes, err, reported, number or next_number)
    next_number = next_number + reported
  end

  -- All that is told, as "SENT 2" or "FAILED errno reported".
  local function told()
    local result, list = C.eddy__completions_tell(outcomes, batch, STREAM), {}
    for i = 0, batch.count - 1 do
      local event = batch.events[i]
      assert.equal(STREAM, event.id)
      list[i + 1] = event.kind == C.EDDY_SENT and "SENT " .. event.value
        or "FAILED " .. event.value .. " " .. event.reported
    end
    batch.count = 0
    return table.concat(list, ", "), result
  end

  it("gathers successes into one event", function()
    for _ = 1, 3 do expect() end
    for _ = 1, 3 do note(0, 1) end
    assert.equal(1, outcomes.count)
    assert.equal("SENT 3", (told()))
    assert.equal("", (told()))
    assert.equal(0, outcomes.expected)
  end)

  it("says which messages they were, when some have overtaken others", function()
    for _ = 1, 5 do expect() end
    for _, number in ipairs { 2, 3, 5 } do note(0, 1, number) end
    note(EHOSTUNREACH, 1, 4)
    note(0, 1, 1)
    local event, list = ffi.new("eddy_event"), {}
    assert.equal(1, C.eddy__completions_take(outcomes, event, STREAM))
    assert.equal(2, event.number)
    assert.equal(0, C.eddy__completions_tell(outcomes, batch, STREAM))
    for i = 0, batch.count - 1 do
      list[i + 1] = batch.events[i].number .. ":" .. batch.events[i].value
    end
    assert.same({ "3:1", "5:1", "4:" .. EHOSTUNREACH, "1:1" }, list)
  end)

  it("hands them out one by one", function()
    for _ = 1, 4 do expect() end
    note(0, 1)
    note(0, 1)
    note(EHOSTUNREACH, 1)
    note(EHOSTUNREACH, 0)
    note(0, 1)
    local event = ffi.new("eddy_event")
    local function take() return C.eddy__completions_take(outcomes, event, STREAM) end
    local expected = { { C.EDDY_SENT, 1, 1 }, { C.EDDY_SENT, 1, 1 },
      { C.EDDY_SEND_FAILED, EHOSTUNREACH, 1 }, { C.EDDY_SEND_FAILED, EHOSTUNREACH, 0 } }
    for _, each in ipairs(expected) do
      assert.equal(1, take())
      assert.same({ tonumber(each[1]), each[2], each[3], STREAM },
        { event.kind, event.value, event.reported, event.id })
    end
    assert.equal("SENT 1", (told()))
    assert.equal(0, take())
  end)

  it("does not tell of a success that nobody waits for, but of each failure", function()
    note(0, 0)
    note(EHOSTUNREACH, 0)
    note(EHOSTUNREACH, 0)
    local failed = "FAILED " .. EHOSTUNREACH .. " 0"
    assert.equal(failed .. ", " .. failed, (told()))
  end)

  it("keeps the messages' order", function()
    for _ = 1, 5 do expect() end
    note(0, 1)
    note(0, 0)
    note(0, 1)
    note(EHOSTUNREACH, 1)
    note(0, 1)
    note(1, 0)
    note(0, 1)
    assert.equal("SENT 2, FAILED " .. EHOSTUNREACH .. " 1, SENT 1, FAILED 1 0, SENT 1", (told()))
    assert.equal(0, outcomes.expected)
  end)

  it("has room for all that is expected, whatever comes between", function()
    for _ = 1, 100 do expect() end
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 2 ^ 20, ENOMEM)
    local list = {}
    for i = 1, 50 do
      note(0, 1)
      note(i, 1)
      note(1000, 0)
      list[#list + 1] = "SENT 1"
      list[#list + 1] = "FAILED " .. i .. " 1"
    end
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 0, 0)
    local text = told():gsub("FAILED 1000 0, ", ""):gsub(", FAILED 1000 0", "")
    assert.equal(table.concat(list, ", "), text)
    assert.equal(0, outcomes.expected)
  end)

  it("refuses to expect more without memory, and expects nothing then", function()
    for _ = 1, 4 do expect() end
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 0, 1, ENOMEM)
    assert.equal(-ENOMEM, C.eddy__completions_expect(outcomes))
    assert.equal(4, outcomes.expected)
    expect()
    outcomes.expected = outcomes.expected - 5
  end)

  it("moves what is left only when as many were taken", function()
    local event, moves, first = ffi.new("eddy_event"), 0, 0
    for i = 1, 1000 do
      expect()
      note(i, 1)
    end
    for i = 1, 1000 do
      assert.equal(1, C.eddy__completions_take(outcomes, event, STREAM))
      assert.same({ i, i }, { event.number, event.value })
      if outcomes.first < first then moves = moves + 1 end
      first = outcomes.first
      if i % 3 == 0 then -- more come meanwhile
        expect()
        note(1000 + i / 3, 1)
      end
    end
    assert.is_true(moves > 0 and moves < 20)
    assert.is_true(outcomes.capacity <= 2048)
    assert.matches("^FAILED 1001 1, .*FAILED 1333 1$", (told()))
    assert.equal(0, outcomes.expected)
  end)

  it("keeps what the batch has no room for", function()
    for i = 1, 70 do
      expect()
      note(i, 1)
    end
    C.eddy__fault_plan(C.EDDY__FAULT_ALLOC, 1, 1, ENOMEM)
    local text, result = told()
    assert.equal(-ENOMEM, result)
    assert.matches("^FAILED 1 1, .*FAILED 64 1$", text)
    assert.equal(6, outcomes.count)
    note(99, 0)
    assert.matches("^FAILED 65 1, .*FAILED 70 1, FAILED 99 0$", (told()))
  end)
end)
