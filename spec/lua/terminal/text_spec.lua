local keys = require "eddy.terminal.keys"
local tables = require "eddy.terminal.table"
local text = require "eddy.terminal.text"

describe("eddy.terminal", function()
  it("fits texts into columns, whatever characters they have", function()
    assert.equal("ab  ", text.fit("ab", 4))
    assert.equal("  ab", text.fit("ab", 4, true))
    assert.equal("abcd", text.fit("abcd", 4))
    assert.equal("abc+", text.fit("abcde", 4))
    assert.equal("a", text.fit("abc", 1))
    assert.equal("", text.fit("abc", 0))
    assert.equal("öä+", text.fit("öäüß", 3))
    assert.equal("日本 ", text.fit("日本", 3))
    assert.equal(3, text.width "日本x")
  end)

  it("writes counts in five columns", function()
    local texts = {}
    for i, value in ipairs { 0, 1, 2.5, 9.96, 42.4, 999, 999.7, 1234, 99999, 1e6, 2.345e9, 1e15 } do
      texts[i] = text.count(value)
      assert.is_true(#texts[i] <= 5)
    end
    assert.same({ "0", "1", "2.5", "10", "42", "999", "1.0k", "1.2k", "100k", "1.0M", "2.3G",
      "1.0P" }, texts)
  end)

  it("writes bytes, and times in six columns", function()
    assert.same({ "0 B", "1023 B", "1.0 kB", "12 MB" },
      { text.bytes(0), text.bytes(1023), text.bytes(1024), text.bytes(12.4 * 2 ^ 20) })
    local texts = {}
    for i, ms in ipairs { 0, 6e-5, 0.0015, 0.02, 0.9, 1.5, 20, 999, 1000, 65000 } do
      texts[i] = text.time(ms)
      assert.is_true(#texts[i] <= 6)
    end
    assert.same({ "0 ns", "60 ns", "1.5 us", "20 us", "900 us", "1.5 ms", "20 ms", "999 ms",
      "1.0 s", "65 s" }, texts)
    assert.equal("-", text.time(nil))
  end)

  it("draws the last values as a line", function()
    assert.same({ "▁▄█", 8 }, { text.sparkline({ 0, 4, 8 }, 3, true) })
    assert.same({ "=#", 8 }, { text.sparkline({ 9, 5, 8 }, 2, false) })
    assert.same({ "__", 0 }, { text.sparkline({ 0, 0 }, 5, false) })
    assert.same({ "", 0 }, { text.sparkline({}, 5, true) })
  end)

  it("gives columns the room that there is", function()
    local columns = {
      { title = "NAME", width = 4, share = 1 }, { title = "N", width = 3, right = true },
      { title = "WIDE", width = 5, from = 30 },
    }
    local function line(width)
      return tables.line(tables.layout(columns, width), function(column) return column.title end)
    end
    assert.equal("NAME      N", line(11))
    assert.equal("NAME   N", line(3))
    assert.equal(30, #line(30))
    assert.matches("^NAME +  N WIDE $", line(30))
  end)

  it("tells keys apart", function()
    assert.same({ "q", "up", "down", "right", "left", "up" },
      keys.split "q\27[A\27[B\27[C\27[D\27OA")
    assert.same({ "enter", "space", "back", "escape", "page up", "end", "ä" },
      keys.split "\r \127\27\27[5~\27[4~ä")
    assert.same({ "escape", "a" }, keys.split "\27\27[99;5~a")
    assert.same({}, keys.split "\1\2\27[")
  end)
end)
