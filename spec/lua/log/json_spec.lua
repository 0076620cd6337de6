local log = require "eddy.log"

local ok, cjson = pcall(require, "cjson.safe")

describe("log records with fields", function()
  local lines
  local function handler(format)
    lines = {}
    local stderr = log.stderr_handler()
    stderr:set_formatter(format)
    stderr._put = function(_, line) lines[#lines + 1] = line end
    return stderr
  end

  it("have them as words at the end of a line", function()
    local logger = log.logger { handlers = { handler "{topic}|{message}" } }
    logger:info { "stored %d orders", id = 17, name = "joe doe", empty = "", is_new = true }
    logger:info({ "shop::stored %d", by = "x=y\n" }, 3)
    assert.same({
      '|stored %d orders empty="" id=17 is_new=true name="joe doe"\n',
      'shop|shop::stored 3 by="x=y\\n"\n',
    }, lines)
  end)

  it("are not any table", function()
    local logger = log.logger { handlers = { handler "{message}" } }
    logger:info {}
    logger:info(setmetatable({ "x" }, { __tostring = function() return "mine" end }))
    assert.matches("^table: ", lines[1])
    assert.equal("mine\n", lines[2])
  end)

  if not ok then return pending "lua-cjson is not installed" end

  it("are objects of JSON", function()
    local logger = log.logger("orders", { handlers = { handler(log.json_formatter()) } })
    logger:warn { "shop.stock::only a few", left = 2, names = { "a", "b" }, level = "mine",
      what = print, nan = 0 / 0 }
    local object = assert(cjson.decode(lines[1]))
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", object.time)
    assert.matches("^function", object.what)
    assert.matches("nan", object.nan)
    object.time, object.what, object.nan = nil, nil, nil
    assert.same({ level = "WARN", logger = "orders", topic = "shop.stock",
      text = "shop.stock::only a few", left = 2, names = { "a", "b" }, level_ = "mine" }, object)
    assert.matches('^{"time":"[^"]*","level":"WARN","logger":"orders",', lines[1])
    assert.matches("}\n$", lines[1])
  end)

  it("have what all objects have", function()
    local logger = log.logger { handlers = { handler(log.json_formatter { host = "a", pid = 3 }) } }
    logger:info 'a "text"\nof two lines'
    local object = assert(cjson.decode(lines[1]))
    object.time = nil
    assert.same({ level = "INFO", text = 'a "text"\nof two lines', host = "a", pid = 3 }, object)
    local _, newlines = lines[1]:gsub("\n", "")
    assert.equal(1, newlines)
    assert.error_matches(function() log.json_formatter(7) end,
      "json_formatter: expected a table of fields, got number")
  end)
end)
