local methods = require "eddy.base.methods"
local public = require "spec.lua.reentrancy.public"

-- A class of a module of JetStream's, whose functions use it.
local function class_of(module, name)
  for _, fn in pairs(require("eddy.jetstream." .. module)) do
    local class = type(fn) == "function" and public.used(public.behind(fn), name)
    if class then return class end
  end
  error("no class " .. name)
end

-- All methods that scripts can call: their names, by the function.
local function all_methods()
  local found = {}
  for fn, name in pairs(public.functions()) do
    if debug.getlocal(fn, 1) == "self" then found[fn] = name end
  end
  require "eddy.jetstream"
  for kind, class in pairs {
    link = require("eddy.jetstream.link").methods, bucket = require "eddy.jetstream.kv",
    job = require("eddy.jetstream.job").class, ["JetStream stream"] = class_of("stream", "Stream"),
    watch = class_of("watch", "Watch"), subscription = class_of("subjects", "Subscription"),
  } do
    for name, fn in pairs(class) do
      local is_method = type(fn) == "function" and not name:find "^_"
      if is_method then found[fn] = kind .. "." .. name end
    end
  end
  return found
end

describe("a method that is called with a dot", function()
  it("says so, whatever it is given, and whose it is", function()
    local missing, count = {}, 0
    for fn, name in pairs(all_methods()) do
      count = count + 1
      for _, first in ipairs { false, "text", 5, {}, print } do
        local ok, err = pcall(function() fn(first or nil) end)
        local text = tostring(err)
        local place, kind = text:match(
          "methods_spec%.lua:(%d+): [%w_]+: it is a method, and is called with a colon: (%l+):")
        if ok or not place or kind == "object" then
          missing[#missing + 1] = ("%s(%s): %s"):format(name, tostring(first), text)
        end
      end
    end
    assert.is_true(count > 300)
    assert.message(table.concat(missing, "\n")).equal(0, #missing)
  end)

  it("is told with all that it was given when it has its object", function()
    local object = setmetatable({}, {})
    local class = methods({
      none = function(self) return self end,
      two = function(self, a) return self, a end,
      three = function(self, a, b) return self, a, b end,
      four = function(self, a, b, c) return self, a, b, c end,
      any = function(self, ...) return select("#", ...), self, ... end,
      own = function(self) return self end,
      _inner = function(self) return self end,
      field = 5,
    }, "thing", "own")
    assert.equal(object, class.none(object))
    assert.same({ object, 1 }, { class.two(object, 1) })
    assert.same({ object, 1, 2 }, { class.three(object, 1, 2) })
    assert.same({ object, 1, 2, 3 }, { class.four(object, 1, 2, 3) })
    assert.same({ 3, object, 1, nil, 3 }, { class.any(object, 1, nil, 3) })
    assert.is_nil(class.own(nil))
    assert.is_nil(class._inner(nil))
    assert.has_error(function() class.four() end,
      "four: it is a method, and is called with a colon: thing:four(...)")
  end)
end)
