local documents = require "eddy.help.documents"
local indexes = require "eddy.help.index"
local pages = require "eddy.help.page"
local public = require "spec.lua.reentrancy.public"

local text = [[
# A guide

Of `thing:stop()` it tells aside.

## Things
```lua
local thing = make(1)
thing:go { far = true }
```

A thing:

| | |
| --- | --- |
| `go(where)`, `run(fast)` | it goes, **at once**; see [there](#there). `thing:halt()` ends it |
| `near far` | how `wide` |

1. one
   goes on
2. two

### There

| option | |
| --- | --- |
| `width` | in ms |

    verbatim  text

## Others

Another:

| | |
| --- | --- |
| `go()` | another goes |
]]

describe("eddy.help", function()
  local index
  before_each(function() index = indexes.new { { path = "lua/README.md", text = text } } end)

  local function found(name)
    local list = index:find(name)
    for i, entry in ipairs(list or {}) do list[i] = entry.text end
    return list
  end

  it("finds what tables name, and without that what texts do", function()
    local goes = "it goes, **at once**; see [there](#there). `thing:halt()` ends it"
    assert.same({ goes, "another goes" }, found "go")
    assert.same({ goes }, found "thing:go")
    assert.same({ "another goes" }, found "another.go")
    assert.same({ goes }, found "run")
    assert.same({ goes }, found "halt")
    assert.same({ "how `wide`" }, found "far")
    assert.same({ "Of `thing:stop()` it tells aside." }, found "stop")
    assert.is_nil(found "wide")
    assert.is_nil(found "")
  end)

  it("finds an example of a call, the nearest one", function()
    assert.equal("local thing = make(1)\nthing:go { far = true }\n",
      index:example(index:find("thing:go")[1]))
    assert.is_nil(index:example(index:find("near")[1]))
  end)

  it("weighs titles and names more than texts", function()
    local hits, all = index:search "there"
    assert.same({ "There", "Things", 2 },
      { hits[1].section.plain, hits[2].section.plain, all })
    assert.same({}, index:search "there missing")
    assert.same({}, index:search "...")
  end)

  it("makes pages", function()
    local function page(title, is_bold)
      local made = pages.new { columns = 24, is_bold = is_bold }
      made:section(index:pages(title)[1])
      return made:text()
    end
    assert.equal([[
Things

    local thing = make(1)
    thing:go { far = true }

A thing:

  go(where), run(fast)
      it goes, at once;
      see there.
      thing:halt() ends
      it
  near far
      how wide

  1. one goes on
  2. two
]], page "things")
    assert.equal("There\n\n  option\n  width\n      in ms\n\n    verbatim  text\n", page "there")
    assert.matches("\n  \27%[1mgo%(where%)\27%[0m, \27%[1mrun%(fast%)\27%[0m\n",
      page("things", true))
  end)

  it("knows every public function of the reference", function()
    index = indexes.new(documents)
    local missing = {}
    for _, name in pairs(public.functions()) do
      local last_words = name:match "%S+$"
      if not index:find(last_words) then missing[#missing + 1] = name end
    end
    assert.same({}, missing)
  end)
end)
