-- The file of a recording.
local format = require "eddy.replay.format"

local records = {
  { kind = "B", ns = 0, loop = 0, turn = 0, about = 0, "12345" },
  { kind = "I", ns = 2 ^ 52 + 1, loop = 1, turn = 2 ^ 32 - 1, about = 7, "", "\0\1\255", "text" },
  { kind = "T", ns = 1e12, loop = 2, turn = 3, about = 2 ^ 32 - 1 },
}

local function bytes_of(list)
  local texts = { format.HEAD }
  for _, record in ipairs(list) do texts[#texts + 1] = format.write(record) end
  return table.concat(texts)
end

describe("the format of recordings", function()
  it("reads what it has written", function()
    local read, is_cut = format.read(bytes_of(records))
    assert.same(records, read)
    assert.is_false(is_cut)
  end)

  it("has the bytes that its description says", function()
    assert.equal("\31\0\0\0" .. "O" .. "\1\0\0\0\1\0\0\0" .. "\2\0\0\0" .. "\3\0\0\0" ..
      "\4\0\0\0" .. "\1\0\0\0" .. "\2\0\0\0hi",
      format.write { kind = "O", ns = 2 ^ 32 + 1, loop = 2, turn = 3, about = 4, "hi" })
  end)

  it("reads the whole records of one that was cut off, wherever that was", function()
    local whole = bytes_of(records)
    local ends = { [#format.HEAD] = 0 }
    for i = 1, #records do
      ends[#bytes_of { unpack(records, 1, i) }] = i
    end
    local count = 0
    for size = #format.HEAD, #whole do
      count = ends[size] or count
      local read, is_cut = format.read(whole:sub(1, size))
      assert.equal(count, #read)
      assert.equal(ends[size] == nil, is_cut)
    end
  end)

  it("says what is wrong with what is none", function()
    assert.same({ nil, "it is no recording" }, { format.read "" })
    assert.same({ nil, "it has version 2, and this eddy reads version 1" },
      { format.read "eddy recording 2\n" })
    local garbled = bytes_of(records):gsub("\5\0\0\00012345", "\6\0\0\00012345")
    local read, problem = format.read(garbled)
    assert.is_nil(read)
    assert.equal("it is garbled at byte 18", problem)
  end)

  it("reads any bytes, or says what is wrong with them", function()
    math.randomseed(7)
    local whole = bytes_of(records)
    for _ = 1, 3000 do
      local at = math.random(#format.HEAD + 1, #whole)
      local text = whole:sub(1, at - 1) .. string.char(math.random(0, 255)) .. whole:sub(at + 1)
      local read, problem = format.read(text)
      assert.is_true(type(read) == "table" or type(problem) == "string")
    end
  end)
end)
