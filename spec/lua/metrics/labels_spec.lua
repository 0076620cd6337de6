local labels = require "eddy.metrics.labels"

describe("eddy.metrics.labels", function()
  it("reads what it wrote", function()
    local values = { 'a"b', "c\\n", "d\ne", "", "ü=,\"\\", "}{ " }
    local words = {}
    for i, value in ipairs(values) do words[i] = labels.write("l" .. i, value) end
    local read = assert(labels.read(table.concat(words, ",")))
    for i, value in ipairs(values) do assert.same({ "l" .. i, value }, read[i]) end
    assert.same({}, labels.read "")
  end)

  it("reads nothing else", function()
    for _, text in ipairs { 'a', 'a=', 'a=b', 'a="', 'a="\\', 'a="\\x"', 'a="b', 'a="b"c="d"',
      'a="b",', 'a="b",a="c"', '1="b"', '__a="b"', ',a="b"', 'a="b"} 1', ' a="b"' } do
      assert.message(text).is_nil(labels.read(text))
    end
  end)

  it("makes UTF-8 of what is none", function()
    for text, clean in pairs {
      ["äöü€😀"] = "äöü€😀", ["a\255b"] = "a?b", ["\195"] = "?", ["\195a"] = "?a",
      ["\192\128"] = "??", ["\237\160\128"] = "???", ["\224\128\128"] = "???",
      ["\244\144\128\128"] = "????", ["\240\159\152"] = "???",
    } do
      assert.equal(clean, labels.clean(text))
    end
  end)
end)
