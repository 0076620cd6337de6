local cjson = require "cjson"
local json = require "eddy.zmq.json"
local zmq = require "eddy.zmq"

describe("JSON", function()
  it("keeps whole numbers up to 2^53, everywhere in an object", function()
    for _, number in ipairs { 0, -1, 123456789012345, 2 ^ 53, 2 ^ 53 - 1, -2 ^ 53, 1e15, 99 } do
      assert.equal(("%.0f"):format(number), json.encode(number))
      assert.equal(number, json.decode(json.encode { a = { number } }).a[1])
      assert.equal(('{"%.0f":[%.0f]}'):format(number, number),
        json.encode { [("%.0f"):format(number)] = { number } })
    end
    assert.equal('{"1":9007199254740992,"x":[]}',
      json.encode { [1] = 2 ^ 53, x = zmq.json_list {} }:gsub('{("x":%[%]),(.*)}', "{%2,%1}"))
  end)

  it("writes other numbers as cjson does", function()
    for _, number in ipairs { 0.5, 1 / 3, 1e300, -1e-300, 2 ^ 63 } do
      assert.equal(cjson.encode { number }, json.encode { number })
      assert.equal(cjson.encode { number }:sub(1, -2) .. ",9007199254740991]",
        json.encode { number, 2 ^ 53 - 1 })
    end
  end)

  it("keeps empty lists and empty objects, received and sent again", function()
    assert.equal("{}", json.encode {})
    assert.equal("[]", json.encode(zmq.json_list {}))
    assert.equal("[]", json.encode(setmetatable({}, { __jsontype = "array" })))
    assert.equal("[1]", json.encode(zmq.json_list { 1 }))
    for _, text in ipairs { "[]", "{}", "[[],{}]", '{"a":[]}', '["[]",[]]', '["\\"[]",[],"\\\\"]',
      '[[[]]]', '{"[]":[]}', '[[],"]",["["],{"x":{}}]', "[{},[],null,true,1]" } do
      assert.equal(text, json.encode(json.decode(text)))
      assert.equal(text, json.encode(json.decode((text:gsub("%[%]$", "[ \n\t]")))))
    end
    local got = json.decode '{"list":[],"object":{}}'
    assert.same({ list = {}, object = {} }, got)
    got.list[1] = "x"
    assert.equal('["x"]', json.encode(got.list))
  end)

  it("is cjson's own where that loses nothing, strings that look so included", function()
    for _, object in ipairs { "{}", "1e+20", { "{}", "e+" }, { a = "{}" }, { [3] = "x" },
      { 1, 2, nil, 4 }, { [5] = 1, x = 2 }, { true, false, cjson.null, {} },
      { "\0\1\127\"/\\\n", {} } } do
      assert.same(cjson.decode(cjson.encode(object)), cjson.decode(json.encode(object)))
    end
  end)

  it("refuses what is no JSON, with empty lists in it, too", function()
    for _, text in ipairs { "", "[", "[]]", "{[]}", '["]', '["\\', '"[]', "[],[]", "[[]" } do
      local ok, err = pcall(json.decode, text)
      assert.message(text).same({ false, "EBADMSG" }, { ok, err.name })
    end
    for _, wrong in ipairs { print, { {}, print }, { 0 / 0, {} }, { [1e6] = 1, [1] = {} } } do
      assert.error_matches(function() json.encode(wrong) end, "no JSON for this")
    end
    assert.error_matches(function() zmq.json_list "x" end, "expected a table")
  end)

  it("knows its own stand-in for an empty list from anybody's string", function()
    local text = '[["empty list"],[]]'
    assert.equal(text, json.encode(json.decode(text)))
  end)
end)
